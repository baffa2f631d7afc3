// Σ v² of a network's numbers, in double.
#pragma once

#include "tile.hpp"

namespace chainrule {

// Stretches of whole units are added one after the other, in one order whatever the instruction set. Several sums run side by
// side: one alone would wait for each addition to end before it began the next.
template <class T> class Squares {
    using Unit = Vector<T, UNIT_BYTES>;
    using Wide = Vector<double, UNIT<T> * int(sizeof(double))>;
    static constexpr int SUMS = 32 / UNIT<T>;
    Wide part_[SUMS] = {};

    static Wide square(const T* v) {
        const Wide x = __builtin_convertvector(load<Unit>(v), Wide);
        return x * x;
    }

  public:
    Squares& add(const T* v, Index n) {
        const T *whole = v + n / (SUMS * UNIT<T>) * (SUMS * UNIT<T>), *end = v + n;
        for (; v < whole; v += SUMS * UNIT<T>) each<SUMS>([&](auto k) { part_[k] += square(v + k * UNIT<T>); });
        for (; v < end; v += UNIT<T>) part_[0] += square(v);
        return *this;
    }
    double sum() const {
        Wide all{};
        for (const Wide& part : part_) all += part;
        double sum = 0;
        for (int lane = 0; lane < UNIT<T>; lane++) sum += all[lane];
        return sum;
    }
};

}  // namespace chainrule
