// What libraries would bring into a static program that never uses it. Linking with this target leaves it out (docs/adr/0015-what-programs-leave-out.md):
// it defines, under the libraries' own names, what their archives would be searched for. There is nothing to call.
#pragma once
