// exp, log and their kin, written once for float and double.
//
// libm's results differ between machines and cannot be vectorised; these are branch-free, so that a loop over them
// becomes vector code, and made of additions, products and fused multiply-adds in a fixed order, so that every build
// gives the same bits. Coefficients are near-minimax fits (Chebyshev interpolation in 40 digits); each comment gives
// the fit's largest error.
#pragma once

#include <cstdint>
#include <limits>
#include <type_traits>

#include "simd.hpp"

namespace chainrule {

template <class T> struct Bits;
template <> struct Bits<float> {
    using Int = std::int32_t;
    static constexpr int MANTISSA = 23;
    static constexpr Int BIAS = 127;
    static constexpr float ROUND = 12582912.0f;  // 1.5·2²³: adding it rounds to an integer held in the low bits
    static constexpr float LN2_HIGH = 0.693359375f, LN2_LOW = -2.12194440e-4f;  // high part has 9 bits: n·LN2_HIGH is exact
    static constexpr float EXP_LEAST = -103.0f, EXP_MOST = 88.8f;
};
template <> struct Bits<double> {
    using Int = std::int64_t;
    static constexpr int MANTISSA = 52;
    static constexpr Int BIAS = 1023;
    static constexpr double ROUND = 6755399441055744.0;  // 1.5·2⁵²
    static constexpr double LN2_HIGH = 6.93147180369123816490e-01, LN2_LOW = 1.90821492927058770002e-10;
    static constexpr double EXP_LEAST = -745.0, EXP_MOST = 709.8;
};

template <class To, class From> inline To bits_as(From x) { return __builtin_bit_cast(To, x); }

// p[0] + p[1] x + … by Horner's rule.
template <class T, int N> inline T polynomial(const T (&p)[N], T x) {
    T y = p[N - 1];
#pragma GCC unroll 32
    for (int i = N - 2; i >= 0; i--) y = y * x + p[i];
    return y;
}

template <class T> struct Coefficients;
template <> struct Coefficients<float> {
    // (eʳ − 1 − r) / r² on |r| ≤ ½ ln 2: 1.4e-9
    static constexpr float EXP[] = {0.5000000014f, 0.1666666668f, 0.04166646267f, 0.008333310675f, 0.001393390005f,
                                    0.0001989126851f};
    // (artanh(√q)/√q − 1) / q on 0 ≤ q ≤ 1/9: 9.2e-11
    static constexpr float ARTANH[] = {0.3333333333f, 0.2000000538f, 0.1428515286f, 0.111323556f, 0.08732351233f,
                                       0.1039380843f};
    // erf(√q)/√q on 0 ≤ q ≤ 1: 1.2e-9
    static constexpr float ERF[] = {1.128379166f, -0.3761262667f, 0.1128359472f, -0.02685421201f, 0.005189087423f,
                                    -0.0008016864287f, 7.875875063e-5f};
    // e^(x²) erfc(x) on 1 ≤ x ≤ 6, in s = (28/(x + 1) − 9)/5: 5.6e-10
    static constexpr float ERFCX[] = {0.2440250774f, 0.1694709702f, 0.01646620567f, -0.002170355751f,
                                      -0.0003097506041f, 0.000107692323f, -2.485933335e-6f, -4.802876944e-6f,
                                      1.025720158e-6f};
};
template <> struct Coefficients<double> {
    // 1.4e-18
    static constexpr double EXP[] = {0.5, 0.16666666666666671113, 0.041666666666666669842, 0.0083333333333259731077,
                                     0.0013888888888883632605, 0.00019841269875385479525, 0.000024801587325951109373,
                                     2.7557254685728802533e-6, 2.7557273132896040925e-7, 2.5105513541847084876e-8,
                                     2.0914898727175524234e-9};
    // 3.3e-20
    static constexpr double ARTANH[] = {0.3333333333333333333, 0.20000000000000007739, 0.14285714285710971648,
                                        0.11111111111665993422, 0.090909090430028277259, 0.076923101269020811996,
                                        0.06666588474569089225, 0.058839988836205180802, 0.052401996171826370246,
                                        0.049710124482773673218, 0.031670554258851226701, 0.07615631309714492463};
    // 1.3e-19
    static constexpr double ERF[] = {1.1283791670955125738, -0.37612638903183748056, 0.11283791670954878666,
                                     -0.026866170645076793248, 0.0052239776248180144673, -0.00085483269808337899052,
                                     0.00012055331111642710923, -0.000014925595266831181565, 1.6461000484121368033e-6,
                                     -1.6350312701054695011e-7, 1.4659775274047435813e-8, -1.1372848856791673669e-9,
                                     5.9571761477489114016e-11};
    // 2.6e-17
    static constexpr double ERFCX[] = {0.24402507744132422679, 0.16947097195130427979, 0.016466202800374021584,
                                       -0.0021703781610291002905, -0.00030971232530550277864, 0.00010776601399694475948,
                                       -2.6236605810586570401e-6, -4.8789614934047058693e-6, 1.2089425869031522594e-6,
                                       1.1745588694954854135e-9, -8.0338820884361716254e-8, 2.3617293694847410347e-8,
                                       -1.4821059038872428831e-9, -1.3676246011267835611e-9, 6.3169410249288132314e-10,
                                       -1.0486207719774045381e-10, -3.0993202516444024537e-11,
                                       1.5489721481730435041e-11};
};

template <class T> inline T larger(T x, T y) { return x < y ? y : x; }  // x where x is NaN
template <class T> inline T smaller(T x, T y) { return x > y ? y : x; }
template <class T> inline T magnitude(T x) { return x < T(0) ? -x : x; }

// Of a NaN n is anything: the shift is one of unsigned numbers, which may lose bits.
template <class T> inline T power_of_two(typename Bits<T>::Int n) {
    using Unsigned = std::make_unsigned_t<typename Bits<T>::Int>;
    return bits_as<T>(Unsigned(n + Bits<T>::BIAS) << Bits<T>::MANTISSA);
}

// x = n ln 2 + r with |r| ≤ ½ ln 2. Two factors reach the subnormals and the overflow: 2ⁿ = 2^⌊n/2⌋ · 2^⌈n/2⌉.
template <class T> struct Reduced {
    T r, half, rest;
    explicit Reduced(T x) {
        using B = Bits<T>;
        x = smaller(larger(x, B::EXP_LEAST), B::EXP_MOST);
        const T shifted = x * T(1.44269504088896340736) + B::ROUND;
        const T n = shifted - B::ROUND;
        r = x - n * B::LN2_HIGH;
        r = r - n * B::LN2_LOW;
        const auto k = bits_as<typename B::Int>(shifted) - bits_as<typename B::Int>(B::ROUND);
        half = power_of_two<T>(k >> 1);
        rest = power_of_two<T>(k - (k >> 1));
    }
};

template <class T> inline T exponential(T x) {
    const Reduced<T> e(x);
    const T y = e.r + e.r * e.r * polynomial(Coefficients<T>::EXP, e.r);
    return (T(1) + y) * e.half * e.rest;
}

// eˣ − 1 for x ≤ 0, exact to rounding near 0 as well.
template <class T> inline T exponential_minus_1(T x) {
    const Reduced<T> e(x);
    const T scale = e.half * e.rest;
    const T y = e.r + e.r * e.r * polynomial(Coefficients<T>::EXP, e.r);
    return scale * y + (scale - T(1));
}

// 2 artanh(s) = log((1 + s)/(1 − s)) for |s| ≤ 1/3.
template <class T> inline T twice_artanh(T s) {
    const T q = s * s;
    const T twice = s + s;
    return twice + twice * (q * polynomial(Coefficients<T>::ARTANH, q));
}

// log(1 + x) for 0 ≤ x ≤ 1.
template <class T> inline T log_1_plus(T x) { return twice_artanh(x / (T(2) + x)); }

// log x for positive normal x: x = 2ⁿ m with m in [⅔, 4/3).
template <class T> inline T logarithm(T x) {
    using B = Bits<T>;
    using Int = typename B::Int;
    const Int bits = bits_as<Int>(x), two_thirds = bits_as<Int>(T(2.0 / 3.0));
    const Int n = (bits - two_thirds) >> B::MANTISSA;
    const T m = bits_as<T>(bits - (n << B::MANTISSA));
    const T log_m = twice_artanh((m - T(1)) / (m + T(1)));
    return T(n) * B::LN2_HIGH + (T(n) * B::LN2_LOW + log_m);
}

template <class T> inline T tangent(T x) {  // tanh
    const T t = exponential_minus_1(T(-2) * magnitude(x));
    const T y = -t / (t + T(2));
    return x < T(0) ? -y : y;
}

template <class T> inline T sigmoid(T x) {
    const T e = exponential(-magnitude(x));
    const T y = T(1) / (T(1) + e);
    return x < T(0) ? e * y : y;
}

template <class T> inline T soft_plus(T x) { return larger(x, T(0)) + log_1_plus(exponential(-magnitude(x))); }

template <class T> inline T error_function(T x) {
    const T a = magnitude(x), inner = smaller(a, T(1)), outer = smaller(larger(a, T(1)), T(6));
    const T near = inner * polynomial(Coefficients<T>::ERF, inner * inner);
    const T s = (T(28) / (outer + T(1)) - T(9)) * T(0.2);
    const T far = T(1) - exponential(-outer * outer) * polynomial(Coefficients<T>::ERFCX, s);
    const T y = a < T(1) ? near : far;
    return x < T(0) ? -y : y;
}

}  // namespace chainrule
