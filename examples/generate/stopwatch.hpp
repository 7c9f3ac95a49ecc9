// Adds up the time spent in marked scopes.
#pragma once

#include <chrono>

namespace generate {

class Stopwatch {
   public:
    using Clock = std::chrono::steady_clock;

    // Runs until it goes out of scope.
    class Lap {
       public:
        explicit Lap(Stopwatch& watch) : watch_(watch), begin_(Clock::now()) {}
        ~Lap() { watch_.elapsed_ += Clock::now() - begin_; }
        Lap(const Lap&) = delete;
        Lap& operator=(const Lap&) = delete;

       private:
        Stopwatch& watch_;
        Clock::time_point begin_;
    };

    [[nodiscard]] Lap lap() { return Lap(*this); }
    double seconds() const { return std::chrono::duration<double>(elapsed_).count(); }
    void reset() { elapsed_ = {}; }

   private:
    Clock::duration elapsed_ = {};
};

}  // namespace generate
