// The twin of chance.py: one counter-based generator for the order of rows and for dropout.
#pragma once

#include <algorithm>
#include <cstdint>

#include "simd.hpp"

namespace chainrule {

constexpr std::uint64_t GOLDEN = 0x9E3779B97F4A7C15u;
enum Stream : std::uint64_t { ORDER = 1, DROPOUT = 3 };

inline std::uint64_t mix64(std::uint64_t x) {
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

inline std::uint32_t mix32(std::uint32_t x) {
    x = (x ^ (x >> 16)) * 0x7FEB352Du;
    x = (x ^ (x >> 15)) * 0x846CA68Bu;
    return x ^ (x >> 16);
}

inline std::uint64_t extended(std::uint64_t key, std::uint64_t word) { return mix64((key ^ word) + GOLDEN); }

template <class... Words> std::uint64_t key_of(std::uint64_t seed, Words... words) {
    std::uint64_t key = mix64(seed + GOLDEN);
    ((key = extended(key, std::uint64_t(words))), ...);
    return key;
}

// The order of n rows, handed out in pieces: a keyed bijection of [0, 2ᵇ), of which the values below n are kept, so
// that an order of any length needs no memory.
class Order {
    static constexpr int MOST_ROUNDS = 24, BLOCK = 64;
    std::uint32_t add_[MOST_ROUNDS], multiply_[MOST_ROUNDS], mask_, shift_;
    std::uint32_t ready_[BLOCK];
    std::uint64_t n_, next_ = 0;
    int at_ = 0, filled_ = 0;
    int rounds_ = 0;  // short orders have few bits to mix with, and take more
    bool shuffled_;
    const std::int64_t* given_ = nullptr;

    void fill() {
        std::uint32_t x[BLOCK];
        for (int i = 0; i < BLOCK; i++) x[i] = std::uint32_t(next_ + i);
        next_ += BLOCK;
        for (int r = 0; r < rounds_; r++) {
            for (int i = 0; i < BLOCK; i++) {
                x[i] = ((x[i] + add_[r]) * multiply_[r]) & mask_;
                x[i] ^= x[i] >> shift_;
            }
        }
        at_ = filled_ = 0;
        // Beyond 2ᵇ the counter wraps and would repeat itself; those places are never asked for.
        for (int i = 0; i < BLOCK; i++) {
            ready_[filled_] = x[i];
            filled_ += x[i] < n_;
        }
    }

  public:
    Order(std::uint64_t n, bool shuffled, std::uint64_t key) : n_(n), shuffled_(shuffled) {
        std::uint32_t bits = 1;
        while (bits < 32 && (std::uint64_t(1) << bits) < n) bits++;
        mask_ = bits == 32 ? ~std::uint32_t(0) : (std::uint32_t(1) << bits) - 1;
        shift_ = (bits + 1) / 2;
        rounds_ = bits <= 6 ? MOST_ROUNDS : 8;
        for (int r = 0; r < rounds_; r++) {
            add_[r] = std::uint32_t(mix64(key + 2 * r + 1));
            multiply_[r] = std::uint32_t(mix64(key + 2 * r + 2)) | 1;
        }
    }

    // The n rows that are given, which have to stay where they are.
    Order(const std::int64_t* given, std::uint64_t n) : n_(n), shuffled_(false), given_(given) {}

    std::uint64_t size() const { return n_; }

    // The next `count` rows into `rows`; the caller never asks for more than n in all.
    void take(Index count, std::uint32_t* rows) {
        if (given_) {
            for (Index i = 0; i < count; i++) rows[i] = std::uint32_t(given_[next_++]);
            return;
        }
        if (!shuffled_) {
            for (Index i = 0; i < count; i++) rows[i] = std::uint32_t(next_++);
            return;
        }
        while (count > 0) {
            if (at_ == filled_) fill();
            const Index some = std::min<Index>(count, filled_ - at_);
            std::copy_n(ready_ + at_, some, rows);
            at_ += int(some);
            rows += some;
            count -= some;
        }
    }
};

// Whether unit `unit` of row `row` is kept; `threshold` is ⌊p·2³²⌋ for a share p dropped.
inline bool kept(std::uint32_t counter, std::uint64_t key, std::uint32_t threshold) {
    return mix32(mix32(counter + std::uint32_t(key)) ^ std::uint32_t(key >> 32)) >= threshold;
}

}  // namespace chainrule
