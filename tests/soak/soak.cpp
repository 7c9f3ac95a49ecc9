// Random calls of every kind from several threads at once until the time is over: every result is judged, and memory
// must not grow. usage: ifa_soak [<minutes> [<threads> [<seed>]]]
#include <malloc.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <fstream>

#include "properties/support/rows.hpp"
#include "properties/support/run_time_door.hpp"
#include "properties/support/trial.hpp"

namespace soak {
namespace {

using namespace properties;
using Clock = std::chrono::steady_clock;

// One thread's calls, the same from round to round.
class Caller {
   public:
    Caller(const Space& space, std::uint64_t seed) : space_(space), seed_(seed), random_(seed) {}

    void run_until(Clock::time_point end) {
        while (complaint_.empty() && Clock::now() < end) run_case();
    }
    std::uint64_t calls() const { return calls_; }
    // Empty as long as every result was right.
    const std::string& complaint() const { return complaint_; }

   private:
    void run_case() {
        const std::size_t row = random_.index(kRows);
        const bool of_both_doors = is_in_document(kCombinations[row]);
        const Point point = of_both_doors ? point_in_document(space_, row, random_) : space_.complete(row, random_);
        Case c(seed_, ++cases_, point);
        const std::vector<std::byte> poisoned = c.call.output.bytes;
        judge(c, "typed", [](const Case& of) { execute_typed(of.point.row, of.call); });
        if (!of_both_doors || !is_in_document(c)) return;
        const std::vector<std::byte> typed = std::exchange(c.call.output.bytes, poisoned);
        judge(c, "run-time", execute_dynamic);
        if (c.call.output.bytes != typed) complaint_ += "the doors differ\n" + describe(c);
    }

    template <class Execute>
    void judge(Case& c, const char* door, const Execute& execute) {
        const std::string complaint = complaint_about(c, worst_, execute);
        if (!complaint.empty()) complaint_ += std::string(door) + " door: " + complaint + "\n" + describe(c);
        ++calls_;
    }

    const Space& space_;
    std::uint64_t seed_, cases_ = 0, calls_ = 0;
    support::Random random_;
    Worst worst_ = {};
    std::string complaint_ = {};
};

// In MiB.
struct Memory {
    double resident = 0;  // pages that the process holds
    double in_use = 0;    // bytes that were allocated and not released

    // Has what is released given back to the system, instead of kept for more of the largest that there was.
    static void keep_little() {
        mallopt(M_MMAP_THRESHOLD, 1 << 17);
        mallopt(M_TRIM_THRESHOLD, 1 << 17);
    }
    // While no thread is calling.
    static Memory now() {
        malloc_trim(0);
        std::ifstream pages("/proc/self/statm");
        long all = 0, resident = 0;
        pages >> all >> resident;
        const struct mallinfo2 heap = mallinfo2();
        return {static_cast<double>(resident * sysconf(_SC_PAGESIZE)) / (1 << 20),
                static_cast<double>(heap.uordblks + heap.hblkhd) / (1 << 20)};
    }

    // Room for what a program allocates once, and for pages that are only partly free.
    bool is_above(const Memory& other) const {
        return in_use > other.in_use + 0.0625 || resident > 1.05 * other.resident + 1;
    }
};

constexpr int kRounds = 12, kWarmUp = 3;

class Soak {
   public:
    Soak(double minutes, int threads, std::uint64_t seed) : seconds_(minutes * 60) {
        for (int i = 0; i < threads; ++i) callers_.emplace_back(space_, seed + static_cast<std::uint64_t>(i));
        std::printf("%s kernels, %d threads, seed %llu\n", ifa::isa(), threads, static_cast<unsigned long long>(seed));
    }

    // The exit status.
    int run() {
        Memory warm, last;
        for (int round = 1; round <= kRounds && complaints().empty(); ++round) {
            run_round();
            last = Memory::now();
            if (round == kWarmUp) warm = last;
            std::printf("%2d of %d: %8llu calls, %7.2f MiB resident, %7.3f MiB in use%s\n", round, kRounds, calls(),
                        last.resident, last.in_use, round == kWarmUp ? " (warm)" : "");
            std::fflush(stdout);
        }
        std::printf("%llu calls in %.1f minutes; resident memory %.2f MiB when warm, %.2f MiB at the end\n%s", calls(),
                    seconds_ / 60, warm.resident, last.resident, complaints().c_str());
        if (!complaints().empty()) return 1;
        const bool grew = last.is_above(warm);
        std::puts(grew ? "FAILED: memory grew" : "every result right, no memory kept");
        return grew;
    }

   private:
    void run_round() {
        const auto end = Clock::now() +
                         std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds_ / kRounds));
        std::vector<std::jthread> threads;
        for (Caller& caller : callers_) threads.emplace_back([&caller, end] { caller.run_until(end); });
    }
    unsigned long long calls() const {
        unsigned long long sum = 0;
        for (const Caller& caller : callers_) sum += caller.calls();
        return sum;
    }
    std::string complaints() const {
        std::string all;
        for (const Caller& caller : callers_) all += caller.complaint();
        return all;
    }

    double seconds_;
    Space space_ = {};
    std::deque<Caller> callers_ = {};
};

}  // namespace
}  // namespace soak

int main(int argc, char** argv) {
    soak::Memory::keep_little();
    const double minutes = argc > 1 ? std::atof(argv[1]) : 2;
    const int threads = argc > 2 ? std::atoi(argv[2]) : 4;
    const std::uint64_t seed = argc > 3 ? std::strtoull(argv[3], nullptr, 10) : 1;
    return soak::Soak(minutes, threads, seed).run();
}
