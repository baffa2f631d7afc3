// Zeroed arrays on cache-line boundaries.
#pragma once

#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

#include "simd.hpp"

namespace chainrule {

// a·b, of which an array is to be made; no memory has room where it does not fit.
inline Index times(Index a, Index b) {
    Index product;
    if (__builtin_mul_overflow(a, b, &product)) throw std::bad_alloc();
    return product;
}

template <class T> class Buffer {
    struct Free {
        void operator()(T* p) const { std::free(p); }
    };
    std::unique_ptr<T[], Free> data_;
    Index size_ = 0;

  public:
    Buffer() = default;
    explicit Buffer(Index size) : size_(size) {
        const std::size_t bytes = (std::size_t(times(size, sizeof(T))) + 63) / 64 * 64 + 64;
        void* p = std::aligned_alloc(64, bytes);
        if (!p) throw std::bad_alloc();
        std::memset(p, 0, bytes);
        data_.reset(static_cast<T*>(p));
    }
    T* get() const { return data_.get(); }
    Index size() const { return size_; }
    T& operator[](Index i) const { return data_[i]; }
};

}  // namespace chainrule
