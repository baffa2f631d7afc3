// φ and φ′, elementwise. The derivative is taken from z = φ(u) where it can be, so that u need not be kept.
#pragma once

#include "functions.hpp"

namespace chainrule {

enum class Activation {
    identity, relu, leaky_relu, logistic, tanh, softplus, elu, selu, gelu, silu, mish, exponential, softmax
};

constexpr const char* ACTIVATION_NAMES[] = {"identity", "relu", "leaky_relu", "logistic",    "tanh",
                                            "softplus", "elu",  "selu",       "gelu",        "silu",
                                            "mish",     "exponential",        "softmax"};

constexpr bool needs_u(Activation a) {
    return a == Activation::gelu || a == Activation::silu || a == Activation::mish;
}

// Done by the tiles of the product that gives u.
constexpr bool in_tile(Activation a) { return a == Activation::relu || a == Activation::identity; }

constexpr double LEAKY_SLOPE = 0.01;
constexpr double SELU_SCALE = 1.0507009873554804934193349852946, SELU_ALPHA = 1.6732632423543772848170429916717;

template <class T> inline T normal_cdf(T u) { return T(0.5) + T(0.5) * error_function(u * T(0.70710678118654752440)); }

template <class T> inline T tanh_of_softplus(T u) {
    const T e = exponential(-magnitude(u)), square = e * e, twice = e + e;
    const bool negative = u < T(0);
    const T n = negative ? square + twice : T(1) + twice;
    return n / (n + (negative ? T(2) : square + square));
}

template <Activation A, class T> inline T phi(T u) {
    using enum_ = Activation;
    if constexpr (A == enum_::relu) return u < T(0) ? T(0) : u;
    if constexpr (A == enum_::leaky_relu) return u > T(0) ? u : T(LEAKY_SLOPE) * u;
    if constexpr (A == enum_::logistic) return sigmoid(u);
    if constexpr (A == enum_::tanh) return tangent(u);
    if constexpr (A == enum_::softplus) return soft_plus(u);
    if constexpr (A == enum_::elu) return u > T(0) ? u : exponential_minus_1(smaller(u, T(0)));
    if constexpr (A == enum_::selu)
        return u > T(0) ? T(SELU_SCALE) * u : T(SELU_SCALE * SELU_ALPHA) * exponential_minus_1(smaller(u, T(0)));
    if constexpr (A == enum_::gelu) return u * normal_cdf(u);
    if constexpr (A == enum_::silu) return u * sigmoid(u);
    if constexpr (A == enum_::mish) return u * tanh_of_softplus(u);
    if constexpr (A == enum_::exponential) return exponential(u);
    return u;
}

template <Activation A, class T> inline T phi_slope([[maybe_unused]] T u, [[maybe_unused]] T z) {
    using enum_ = Activation;
    if constexpr (A == enum_::relu) return z > T(0) ? T(1) : T(0);
    if constexpr (A == enum_::leaky_relu) return z > T(0) ? T(1) : T(LEAKY_SLOPE);
    if constexpr (A == enum_::logistic) return z * (T(1) - z);
    if constexpr (A == enum_::tanh) return T(1) - z * z;
    if constexpr (A == enum_::softplus) return -exponential_minus_1(-z);
    if constexpr (A == enum_::elu) return z > T(0) ? T(1) : z + T(1);
    if constexpr (A == enum_::selu) return z > T(0) ? T(SELU_SCALE) : z + T(SELU_SCALE * SELU_ALPHA);
    if constexpr (A == enum_::gelu)
        return normal_cdf(u) + u * (T(0.39894228040143267794) * exponential(T(-0.5) * (u * u)));
    if constexpr (A == enum_::silu) {
        const T s = sigmoid(u);
        return s * (T(1) + u * (T(1) - s));
    }
    if constexpr (A == enum_::mish) {
        const T t = tanh_of_softplus(u);
        return t + u * (sigmoid(u) * (T(1) - t * t));
    }
    if constexpr (A == enum_::exponential) return z;
    return T(1);
}

// f(0), …, f(n−1) for n a multiple of the unit, as vector code.
template <class T, class F> __attribute__((always_inline)) inline void for_units(Index n, F f) {
    for (Index at = 0; at < n; at += UNIT<T>) {
#pragma GCC ivdep
        for (int lane = 0; lane < UNIT<T>; lane++) f(at + lane);
    }
}

// z = φ(u) and δ ← δ·φ′(u) over n entries, a multiple of the unit. u and z may be the same array where !needs_u.
template <class T> struct Elementwise {
    void (*forward)(Index n, const T* u, T* z);
    void (*backward)(Index n, const T* u, const T* z, T* delta);
};

template <Activation A, class T> void apply_forward(Index n, const T* u, T* z) {
    for_units<T>(n, [=](Index i) { z[i] = phi<A>(u[i]); });
}
template <Activation A, class T> void apply_backward(Index n, const T* u, const T* z, T* delta) {
    for_units<T>(n, [=](Index i) { delta[i] = delta[i] * phi_slope<A>(u[i], z[i]); });
}

template <class T> Elementwise<T> elementwise(Activation a) {
    using enum_ = Activation;
#define CHAINRULE_CASE(name) \
    case enum_::name: return {apply_forward<enum_::name, T>, apply_backward<enum_::name, T>}
    switch (a) {
        CHAINRULE_CASE(relu);
        CHAINRULE_CASE(leaky_relu);
        CHAINRULE_CASE(logistic);
        CHAINRULE_CASE(tanh);
        CHAINRULE_CASE(softplus);
        CHAINRULE_CASE(elu);
        CHAINRULE_CASE(selu);
        CHAINRULE_CASE(gelu);
        CHAINRULE_CASE(silu);
        CHAINRULE_CASE(mish);
        CHAINRULE_CASE(exponential);
        default: return {nullptr, nullptr};  // identity: nothing to do; softmax: see losses.hpp
    }
#undef CHAINRULE_CASE
}

}  // namespace chainrule
