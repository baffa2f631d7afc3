// Threads that run the same steps on their own share of the work and meet at barriers.
#pragma once

#include <atomic>
#include <exception>
#include <thread>
#include <vector>

#include "simd.hpp"

namespace chainrule {

// What ends a member's wait for one that has failed.
struct Abandoned {};

class Barrier {
    const int size_;
    std::atomic<int> waiting_{0}, round_{0};
    std::atomic<bool> abandoned_{false};

  public:
    explicit Barrier(int size) : size_(size) {}
    // Nobody is to be waited for any more.
    void abandon() { abandoned_.store(true, std::memory_order_release); }
    void wait() {
        if (size_ == 1) return;
        const int round = round_.load(std::memory_order_relaxed);
        if (waiting_.fetch_add(1, std::memory_order_acq_rel) == size_ - 1) {
            waiting_.store(0, std::memory_order_relaxed);
            round_.store(round + 1, std::memory_order_release);
            return;
        }
        for (int spins = 0; round_.load(std::memory_order_acquire) == round; spins++) {
            if (abandoned_.load(std::memory_order_acquire)) throw Abandoned{};
            if (spins > 2000) std::this_thread::yield();  // another process may hold the core the last one needs
        }
    }
};

// One member of a team of `size`, and its share of [0, n) in whole units of `grain`.
struct Member {
    int number, size;
    Barrier* barrier;

    Index share(Index n, Index grain, int member) const { return n * member / size / grain * grain; }
    Index from(Index n, Index grain) const { return share(n, grain, number); }
    Index to(Index n, Index grain) const { return number + 1 == size ? n : share(n, grain, number + 1); }
};

// work(member) on `size` threads, the caller being the first. What a member throws ends the others where they wait for it,
// and is thrown here; so is what the system says where it starts no more threads.
template <class F> void with_team(int size, F work) {
    Barrier barrier(size);
    std::exception_ptr error;
    std::atomic<bool> failed{false};
    const auto fail = [&] {
        if (!failed.exchange(true)) error = std::current_exception();
        barrier.abandon();
    };
    const auto part = [&](int number) {
        const FlushSubnormals flushed;
        try {
            work(Member{number, size, &barrier});
        } catch (...) {
            fail();
        }
    };
    std::vector<std::thread> others;
    try {
        others.reserve(std::size_t(size - 1));
        for (int i = 1; i < size; i++) others.emplace_back(part, i);
        part(0);
    } catch (...) {
        fail();
    }
    for (auto& t : others) t.join();
    if (error) std::rethrow_exception(error);
}

}  // namespace chainrule
