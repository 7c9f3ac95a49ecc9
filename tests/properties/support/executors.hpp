// The executors the tests run calls on, behind one type.
#pragma once

#include <functional>

#include "ifa/concepts.hpp"

namespace properties {

using Body = std::function<void(int)>;

// Claims a concurrency and hands the jobs to any runner.
class TestExecutor {
   public:
    using role = ifa::role::Executor;
    using Runner = std::function<void(int jobs, const Body& body)>;

    TestExecutor(int claimed, Runner runner) : concurrency_(claimed), runner_(std::move(runner)) {}

    int concurrency() const { return concurrency_; }

    template <class AnyBody>
    void run(int jobs, const AnyBody& body) const {
        most_jobs_ = jobs > most_jobs_ ? jobs : most_jobs_;
        runner_(jobs, Body(std::cref(body)));
    }

    // The most jobs a call asked for; 1 if it never asked.
    int most_jobs() const { return most_jobs_; }

   private:
    int concurrency_;
    Runner runner_;
    mutable int most_jobs_ = 1;
};

}  // namespace properties
