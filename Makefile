# swvmm: `make boot` installs what is needed, builds, and boots the unikernel to its shell; `make test` checks everything.
.PHONY: boot build test test-builds test-programs test-x86-host test-others test-arm64 test-kvm-x86 release-arm64 guests lint format bench bench-kvm-x86 bench-arm64 soak fuzz fuzz-quick clean dependencies test-dependencies

# Released programs are position-independent and have no library to load, which starts them in two thirds of the time.
# The C library refuses a static program with a run path: hence --disable-local-rpath.
STATIC  := --static-swift-stdlib --disable-local-rpath \
	-Xswiftc -static-executable -Xswiftc -Xclang-linker -Xswiftc -static-pie \
	-Xswiftc -use-ld=lld -Xlinker -z -Xlinker pack-relative-relocs
RELEASE := swift build -c release $(STATIC)
# libslirp and libnbd are for programs with shared libraries only: these are linked in a directory of their own, so that neither build undoes the other.
BESIDE  := swift build -c release --static-swift-stdlib --disable-local-rpath --scratch-path .build/slirp
HELPERS := $(BESIDE) --product swvmm-slirp && $(BESIDE) --product swvmm-nbd && \
	cp .build/slirp/release/swvmm-slirp .build/slirp/release/swvmm-nbd .build/release/
BUILD   := $(RELEASE) --product swvmm && $(RELEASE) --product swvmm-test && scripts/strip-programs strip .build/release .build/stripped && $(HELPERS)
SWVMM   := .build/release/swvmm
GUESTS  := $(or $(SWVMM_GUESTS),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/swvmm/guests)
SKIPPED  = echo "going on without what needs it: $(1)" >&2
SOURCES := Package.swift Sources Tests Plugins Benchmarks

boot: build
	$(SWVMM) boot

build: dependencies
	$(BUILD)

# Two at the same time: each is often one thread, or waits.
test: test-dependencies guests lint
	$(MAKE) --no-print-directory --jobs=2 test-programs test-x86-host

test-builds:
	swift build --build-tests
	$(BUILD)

test-programs: test-builds
	swift test --skip-build --parallel
	mkdir -p .build/suites && truncate -s 16M $(foreach name,arm64-mmio arm64-pci x86_64-mmio x86_64-pci,.build/suites/scratch-$(name).img)
	$(SWVMM) test Tests/Suites/boot.yaml --output .build/suites/boot
	$(SWVMM) test Tests/Suites/linux.yaml --output .build/suites/linux --define guests=$(GUESTS)
	scripts/test-guest-qemu
	scripts/test-gdb-linux
	scripts/test-disk
	scripts/test-nbd
	scripts/test-hostile || [ $$? = 77 ]
	scripts/test-share
	scripts/test-balloon
	scripts/test-vsock
	scripts/test-port
	scripts/test-network

# Behind the others for the processors' sake.
test-x86-host: test-builds test-others
	scripts/x86-host/make-host > /dev/null || { $(call SKIPPED,there is no emulated x86_64 host); exit 0; }; \
		scripts/x86-host/test || { [ $$? = 99 ] && $(call SKIPPED,the emulated x86_64 host failed twice as a whole); }

# These build in directories of their own. Of arm64 without the logic tests, which are for make test-arm64: with their build they take minutes.
test-others:
	scripts/arm64-host/make-sdk > /dev/null || { $(call SKIPPED,there is no cross compiler for arm64); exit 0; }; \
		scripts/arm64-host/test kvm boot suite linux share bare || { [ $$? = 99 ] && $(call SKIPPED,the emulated arm64 host failed twice as a whole); }
	scripts/fuzz --seconds 60 --jobs 4

# The arm64 build on an x86_64 machine: its tests, guests on the KVM of an emulated arm64 host (docs/arm64-hosts.md); the program to hand out.
test-arm64: test-dependencies
	scripts/arm64-host/test

# x86_64 guests on the KVM of an emulated x86_64 host: the unikernel, and Linux to its shell (docs/x86-hosts.md).
test-kvm-x86: test-dependencies build
	SWVMM_KVM_TESTS=1 swift build --product swvmmPackageTests
	scripts/x86-host/test

# Static programs for arm64, without symbols: .build-arm64/stripped.
release-arm64: test-dependencies
	scripts/arm64-host/build -c release $(STATIC) --product swvmm
	scripts/arm64-host/build -c release $(STATIC) --product swvmm-test
	scripts/strip-programs aarch64-linux-gnu-strip .build-arm64/release .build-arm64/stripped

# Debian's arm64 kernels with a busybox initramfs, kept outside the checkout; tests that find none are skipped and say so.
guests: test-dependencies
	@scripts/fetch-test-guests arm64 > /dev/null || echo "going on without the guests that are missing: their tests are skipped" >&2

lint: dependencies
	swift format lint --strict --recursive --parallel $(SOURCES)

format:
	swift format --in-place --recursive --parallel $(SOURCES)

bench: test-dependencies guests build
	$(RELEASE) --product exit-benchmark
	$(RELEASE) --product virtio-queue-benchmark
	$(RELEASE) --product engine-benchmark
	Benchmarks/run
	Benchmarks/EngineLoops/run
	Benchmarks/LinuxBoot/run
	Benchmarks/DiskAndNetwork/run

# x86_64 Linux on the KVM of an emulated host, beside QEMU.
bench-kvm-x86: test-dependencies build
	$(RELEASE) --product exit-benchmark
	scripts/fetch-test-guests amd64-bookworm-cloud > /dev/null
	Benchmarks/KVMHost/run

# arm64 guests on the KVM of an emulated arm64 host, beside QEMU, and kvmtool where KVMTOOL names an arm64 build of it.
bench-arm64: release-arm64
	scripts/arm64-host/build -c release $(STATIC) --product exit-benchmark
	aarch64-linux-gnu-strip -o .build-arm64/stripped/exit-benchmark .build-arm64/release/exit-benchmark
	scripts/fetch-test-guests arm64-trixie-cloud > /dev/null
	Benchmarks/KVMHostARM64/run

# 200 boots in a row of the unikernel on KVM; LINUX=1: 50 of Debian's arm64 kernel on the software CPU. BOOTS=n for another number.
soak: build
	scripts/soak $(if $(LINUX),--linux) $(BOOTS)

# What guests reach of the devices, with libFuzzer and AddressSanitizer: half an hour each, or a minute (docs/fuzzing.md).
fuzz: dependencies
	scripts/fuzz

fuzz-quick: dependencies
	scripts/fuzz --seconds 60

dependencies:
	@scripts/install-dependencies build

test-dependencies:
	@scripts/install-dependencies build test

clean:
	rm -rf .build .build-arm64
