// Linux calls that Swift's Glibc module leaves out: epoll, eventfd, getrandom, signalfd, timerfd.
#pragma once
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
