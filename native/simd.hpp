// Vectors of the instruction set this file is compiled for, as GCC and Clang's vector extensions.
//
// Every array of the engine is padded to whole UNITs of 32 bytes (8 floats or 4 doubles), whatever the instruction
// set, so that no kernel has a tail and all builds share one layout. A unit is one AVX register, half an AVX-512
// register, or two registers of 16 bytes.
#pragma once

#include <cstddef>
#include <cstdint>

namespace chainrule {

using Index = std::ptrdiff_t;

constexpr int UNIT_BYTES = 32;

template <class T> constexpr int UNIT = UNIT_BYTES / int(sizeof(T));

template <class T> constexpr Index padded(Index n) { return (n + UNIT<T> - 1) / UNIT<T> * UNIT<T>; }

#if defined(__AVX512F__)
constexpr int VECTOR_BYTES = 64;
constexpr int REGISTERS = 32;
constexpr const char* ISA = "avx512";
#elif defined(__AVX2__)
constexpr int VECTOR_BYTES = 32;
constexpr int REGISTERS = 16;
constexpr const char* ISA = "avx2";
#else
constexpr int VECTOR_BYTES = 16;
constexpr int REGISTERS = 16;
constexpr const char* ISA = "portable";
#endif

template <class T, int BYTES> struct VectorOf {
    typedef T type __attribute__((vector_size(BYTES), aligned(alignof(T)), may_alias));
};
template <class T, int BYTES = VECTOR_BYTES> using Vector = typename VectorOf<T, BYTES>::type;

template <class V, class T> inline V load(const T* p) { return *reinterpret_cast<const V*>(p); }
template <class V, class T> inline void store(T* p, V v) { *reinterpret_cast<V*>(p) = v; }

// While one lives, this thread's arithmetic takes subnormal numbers for 0. Moments of units that get no gradient decay
// into them, where each operation costs a hundred times its price.
class FlushSubnormals {
#if defined(__x86_64__)
    const unsigned before_ = __builtin_ia32_stmxcsr();

  public:
    FlushSubnormals() { __builtin_ia32_ldmxcsr(before_ | 0x8040); }  // flush to zero, denormals are zero
    ~FlushSubnormals() { __builtin_ia32_ldmxcsr(before_); }
#elif defined(__aarch64__)
    std::uint64_t before_;

  public:
    FlushSubnormals() {
        asm volatile("mrs %0, fpcr" : "=r"(before_));
        asm volatile("msr fpcr, %0" : : "r"(before_ | (std::uint64_t(1) << 24)));
    }
    ~FlushSubnormals() { asm volatile("msr fpcr, %0" : : "r"(before_)); }
#else
  public:
    FlushSubnormals() {}  // nowhere else is it known how
    ~FlushSubnormals() {}
#endif
    FlushSubnormals(const FlushSubnormals&) = delete;
    FlushSubnormals& operator=(const FlushSubnormals&) = delete;
};

}  // namespace chainrule
