#pragma once
// Loads and stores at an address, exactly once and in program order: registers of devices, tables that hardware reads.
// Written in C because Swift has no volatile access; addresses are integers, so that their users need no pointers.
#include "inline.h"

#include <stdint.h>

INLINE uint8_t load8(uint64_t address) { return *(volatile const uint8_t *)address; }
INLINE uint16_t load16(uint64_t address) { return *(volatile const uint16_t *)address; }
INLINE uint32_t load32(uint64_t address) { return *(volatile const uint32_t *)address; }
INLINE uint64_t load64(uint64_t address) { return *(volatile const uint64_t *)address; }
INLINE void store8(uint64_t address, uint8_t value) { *(volatile uint8_t *)address = value; }
INLINE void store16(uint64_t address, uint16_t value) { *(volatile uint16_t *)address = value; }
INLINE void store32(uint64_t address, uint32_t value) { *(volatile uint32_t *)address = value; }
INLINE void store64(uint64_t address, uint64_t value) { *(volatile uint64_t *)address = value; }
