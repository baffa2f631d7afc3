// The update rules of optimizers.py, on flat arrays padded to whole units.
#pragma once

#include <cmath>

#include "activations.hpp"

namespace chainrule {

enum class Rule { sgd, momentum, adagrad, rmsprop, adadelta, adam, adamw, nadam, lion, backtracking, lbfgs };

// Hyperparameters by optimizers.py's names; those a rule does not have stay at 0.
struct Hyper {
    Rule rule;
    double momentum = 0, dampening = 0, eta = 0, learning_rate_decay = 0, alpha = 0, rho = 0, beta1 = 0, beta2 = 0,
           epsilon = 0, weight_decay = 0, initial_accumulator = 0, momentum_decay = 0, decrease = 0, shrink = 0, growth = 0;
    bool nesterov = false, of_steps = false, centered = false, amsgrad = false, epsilon_hat = false, decoupled = false, restart = false;

    // Nothing but W ← W − α(g + λW): the products' tiles then take the step themselves.
    bool plain() const { return rule == Rule::sgd && momentum == 0; }
    bool searches() const { return rule == Rule::backtracking; }
    bool by_batches() const { return rule != Rule::lbfgs; }
    bool decays_apart() const { return rule == Rule::adamw || rule == Rule::lion || (rule == Rule::nadam && decoupled); }

    // How many arrays shaped like θ are kept between updates.
    int slots() const {
        switch (rule) {
            case Rule::backtracking:
            case Rule::lbfgs: return 0;
            case Rule::sgd: return momentum != 0;
            case Rule::momentum:
            case Rule::lion:
            case Rule::adagrad: return 1;
            case Rule::rmsprop: return 1 + centered + (momentum != 0);
            case Rule::adadelta:
            case Rule::nadam: return 2;
            case Rule::adam:
            case Rule::adamw: return 2 + amsgrad;
        }
        return 0;
    }
};

// NAdam's momentum of update t, and the product of all up to it; below 10⁻²⁰ it is 0, since 1 − Π is 1 then.
inline double nadam_momentum(const Hyper& h, std::int64_t t) { return h.beta1 * (1 - 0.5 * std::pow(0.96, double(t) * h.momentum_decay)); }

inline double nadam_product(const Hyper& h, std::int64_t t) {
    double product = 1;
    for (std::int64_t i = 1; i <= t; i++) {
        product *= nadam_momentum(h, i);
        if (product < 1e-20) return 0;
    }
    return product;
}

// The numbers of update t (counted from 1), worked out in double once a step.
template <class T> struct Step {
    T rate = 0;                    // multiplies the step
    T decay = 0;                   // g ← g + decay·θ
    T shrink = 1;                  // where the decay is apart: θ ← shrink·θ
    T keep = 0, take = 0;          // a moment m ← keep·m + take·g
    T keep2 = 0, take2 = 0;        // a second moment, of g²
    T root = 1, epsilon = 0;       // √v/root + ε
    T carry = 0;                   // RMSprop's momentum
    T direct = 0;                  // NAdam: multiplies the gradient, where `rate` multiplies the average

    Step(const Hyper& h, double learning_rate, std::int64_t t) {
        decay = h.decays_apart() ? T(0) : T(h.weight_decay);
        shrink = h.decays_apart() ? T(1 - learning_rate * h.weight_decay) : T(1);
        epsilon = T(h.epsilon);
        double alpha = learning_rate;
        switch (h.rule) {
            case Rule::sgd:  // the first velocity is the gradient itself
                keep = T(h.momentum), take = t == 1 ? T(1) : T(1 - h.dampening);
                if (h.of_steps && h.momentum != 0) take = T(learning_rate) * take, alpha = 1;
                break;
            case Rule::momentum: keep = T(1 - h.eta), take = T(h.eta); break;
            case Rule::adagrad: alpha = learning_rate / (1 + double(t - 1) * h.learning_rate_decay); break;
            case Rule::rmsprop:
                take = take2 = T(1 - h.alpha), keep2 = T(h.alpha), carry = T(h.momentum);
                break;
            case Rule::adam:
            case Rule::adamw:
                take = T(1 - h.beta1), keep2 = T(h.beta2), take2 = T(1 - h.beta2);
                root = T(std::sqrt(1 - std::pow(h.beta2, double(t))));
                alpha = learning_rate / (1 - std::pow(h.beta1, double(t)));
                if (h.epsilon_hat) epsilon = T(h.epsilon / std::sqrt(1 - std::pow(h.beta2, double(t))));
                break;
            case Rule::nadam: {
                const double mu = nadam_momentum(h, t), next = nadam_momentum(h, t + 1), product = nadam_product(h, t);
                take = T(1 - h.beta1), keep2 = T(h.beta2), take2 = T(1 - h.beta2);
                root = T(std::sqrt(1 - std::pow(h.beta2, double(t))));
                direct = T(learning_rate * (1 - mu) / (1 - product));
                alpha = learning_rate * next / (1 - product * next);
                break;
            }
            case Rule::adadelta: keep2 = T(h.rho), take2 = T(1 - h.rho); break;
            case Rule::lion: keep = T(h.beta1), take = T(1 - h.beta1), keep2 = T(h.beta2), take2 = T(1 - h.beta2); break;
            case Rule::backtracking:
            case Rule::lbfgs: break;
        }
        rate = T(alpha);
    }
};

inline float square_root(float x) { return __builtin_sqrtf(x); }
inline double square_root(double x) { return __builtin_sqrt(x); }

constexpr int MOST_SLOTS = 3;

template <class T> struct Moments {
    T* slot[MOST_SLOTS];
    Moments at(Index offset) const {
        Moments m = *this;
        for (auto& s : m.slot) s = s ? s + offset : nullptr;
        return m;
    }
};

template <class T> using Update = void (*)(Index n, T* theta, const T* gradient, Moments<T> moments, const Step<T>& step);

template <class T> void sgd(Index n, T* __restrict theta, const T* __restrict gradient, Moments<T>, const Step<T>& s) {
    const T rate = s.rate, decay = s.decay;
    for_units<T>(n, [=](Index i) { theta[i] = theta[i] - rate * (gradient[i] + decay * theta[i]); });
}

template <bool NESTEROV, class T>
void heavy_ball(Index n, T* __restrict theta, const T* __restrict gradient, Moments<T> moments, const Step<T>& s) {
    T* __restrict velocity = moments.slot[0];
    const T rate = s.rate, decay = s.decay, keep = s.keep, take = s.take;
    for_units<T>(n, [=](Index i) {
        const T g = gradient[i] + decay * theta[i], taken = take * g;
        const T v = taken + keep * velocity[i];
        velocity[i] = v;
        theta[i] = theta[i] - rate * (NESTEROV ? taken + keep * v : v);
    });
}

template <class T>
void adagrad(Index n, T* __restrict theta, const T* __restrict gradient, Moments<T> moments, const Step<T>& s) {
    T* __restrict squares = moments.slot[0];
    const T rate = s.rate, decay = s.decay, epsilon = s.epsilon;
    for_units<T>(n, [=](Index i) {
        const T g = gradient[i] + decay * theta[i];
        const T sum = squares[i] + g * g;
        squares[i] = sum;
        const T root = square_root(sum) + epsilon;
        theta[i] = theta[i] - rate * (root > T(0) ? g / root : T(0));
    });
}

template <bool CENTERED, bool CARRIES, class T>
void rmsprop(Index n, T* __restrict theta, const T* __restrict gradient, Moments<T> moments, const Step<T>& s) {
    T* __restrict squares = moments.slot[0];
    T* __restrict mean = moments.slot[1];
    T* __restrict velocity = moments.slot[CENTERED ? 2 : 1];
    const T rate = s.rate, decay = s.decay, epsilon = s.epsilon, keep2 = s.keep2, take2 = s.take2, carry = s.carry;
    for_units<T>(n, [=](Index i) {
        const T g = gradient[i] + decay * theta[i], taken = take2 * g;
        T spread = taken * g + keep2 * squares[i];
        squares[i] = spread;
        if constexpr (CENTERED) {
            const T m = mean[i] + take2 * (g - mean[i]);
            mean[i] = m;
            spread = spread - m * m;
        }
        T step = g / (square_root(spread) + epsilon);
        if constexpr (CARRIES) velocity[i] = step = step + carry * velocity[i];
        theta[i] = theta[i] - rate * step;
    });
}

template <class T>
void adadelta(Index n, T* __restrict theta, const T* __restrict gradient, Moments<T> moments, const Step<T>& s) {
    T *__restrict squares = moments.slot[0], *__restrict steps = moments.slot[1];
    const T rate = s.rate, decay = s.decay, epsilon = s.epsilon, keep2 = s.keep2, take2 = s.take2;
    for_units<T>(n, [=](Index i) {
        const T g = gradient[i] + decay * theta[i], taken = take2 * g;
        const T spread = taken * g + keep2 * squares[i];
        squares[i] = spread;
        const T delta = square_root(steps[i] + epsilon) / square_root(spread + epsilon) * g, moved = take2 * delta;
        steps[i] = moved * delta + keep2 * steps[i];
        theta[i] = theta[i] - rate * delta;
    });
}

template <bool AMSGRAD, class T>
void adam(Index n, T* __restrict theta, const T* __restrict gradient, Moments<T> moments, const Step<T>& s) {
    T *__restrict first = moments.slot[0], *__restrict second = moments.slot[1], *__restrict largest = moments.slot[2];
    const T rate = s.rate, decay = s.decay, shrink = s.shrink, take = s.take, keep2 = s.keep2, take2 = s.take2,
            inverse_root = T(1) / s.root, epsilon = s.epsilon;
    for_units<T>(n, [=](Index i) {
        const T g = gradient[i] + decay * theta[i], taken = take2 * g;
        const T m = first[i] + take * (g - first[i]);
        T v = taken * g + keep2 * second[i];
        first[i] = m;
        second[i] = v;
        if constexpr (AMSGRAD) largest[i] = v = largest[i] > v ? largest[i] : v;
        theta[i] = shrink * theta[i] - rate * (m / (square_root(v) * inverse_root + epsilon));
    });
}

template <class T>
void nadam(Index n, T* __restrict theta, const T* __restrict gradient, Moments<T> moments, const Step<T>& s) {
    T *__restrict first = moments.slot[0], *__restrict second = moments.slot[1];
    const T rate = s.rate, direct = s.direct, decay = s.decay, shrink = s.shrink, take = s.take, keep2 = s.keep2,
            take2 = s.take2, inverse_root = T(1) / s.root, epsilon = s.epsilon;
    for_units<T>(n, [=](Index i) {
        const T g = gradient[i] + decay * theta[i], taken = take2 * g;
        const T m = first[i] + take * (g - first[i]);
        const T v = taken * g + keep2 * second[i];
        first[i] = m;
        second[i] = v;
        const T step = direct * g + rate * m;
        theta[i] = shrink * theta[i] - step / (square_root(v) * inverse_root + epsilon);
    });
}

template <class T>
void lion(Index n, T* __restrict theta, const T* __restrict gradient, Moments<T> moments, const Step<T>& s) {
    T* __restrict first = moments.slot[0];
    const T rate = s.rate, decay = s.decay, shrink = s.shrink, keep = s.keep, take = s.take, keep2 = s.keep2, take2 = s.take2;
    for_units<T>(n, [=](Index i) {
        const T g = gradient[i] + decay * theta[i], taken = take * g, taken2 = take2 * g;
        const T c = taken + keep * first[i];
        first[i] = taken2 + keep2 * first[i];
        theta[i] = shrink * theta[i] - rate * (c > T(0) ? T(1) : c < T(0) ? T(-1) : T(0));
    });
}

template <class T> Update<T> update_of(const Hyper& h) {
    switch (h.rule) {
        case Rule::sgd:
            if (h.momentum == 0) return sgd<T>;
            return h.nesterov ? heavy_ball<true, T> : heavy_ball<false, T>;
        case Rule::momentum: return heavy_ball<false, T>;
        case Rule::adagrad: return adagrad<T>;
        case Rule::rmsprop:
            if (h.centered) return h.momentum != 0 ? rmsprop<true, true, T> : rmsprop<true, false, T>;
            return h.momentum != 0 ? rmsprop<false, true, T> : rmsprop<false, false, T>;
        case Rule::adadelta: return adadelta<T>;
        case Rule::adam:
        case Rule::adamw: return h.amsgrad ? adam<true, T> : adam<false, T>;
        case Rule::nadam: return nadam<T>;
        case Rule::lion: return lion<T>;
        case Rule::backtracking:
        case Rule::lbfgs: return nullptr;
    }
    return nullptr;
}

}  // namespace chainrule
