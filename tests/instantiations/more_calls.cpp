// More of the run-time door: other executors, and what comes before a call.
#include <ifa/dynamic.hpp>
#include <unsupported/Eigen/CXX11/ThreadPool>

struct Reversed {
    using role = ifa::role::Executor;
    int concurrency() const { return 2; }
    template <class Body>
    void run(int jobs, const Body& body) const {
        for (int job = jobs - 1; job >= 0; --job) body(job);
    }
};

void more_calls(const ifa::Arguments& arguments, Eigen::ThreadPool& pool) {
    ifa::incre_flash_attention(arguments);
    ifa::incre_flash_attention(arguments, Reversed());
    ifa::incre_flash_attention(arguments, ifa::EigenPool(pool));
    ifa::Arguments planned = arguments;
    const ifa::Plan plan = ifa::plan(arguments, Reversed());
    planned.plan = &plan;
    ifa::incre_flash_attention(planned, Reversed());
    if (ifa::check(planned)) return;
    ifa::incre_flash_attention(planned);
}
