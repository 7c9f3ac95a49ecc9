// With a plan and a workspace a call allocates nothing, on one thread or on many; and what others allocate they
// release, also when an executor throws.
#include <gtest/gtest.h>
#include <unsupported/Eigen/CXX11/ThreadPool>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <stdexcept>
#include <vector>

#include "ifa/incre_flash_attention.hpp"
#include "support/caches.hpp"
#include "support/decode.hpp"

namespace {
std::atomic<long> allocations{0}, releases{0};
}  // namespace

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IFA_TEST_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define IFA_TEST_SANITIZED 1
#endif
#endif

#if defined(IFA_TEST_SANITIZED)

// Sanitizers own malloc, but tell who asks.
extern "C" int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void*, std::size_t),
                                                         void (*on_free)(const volatile void*));
namespace {
const int installed =
    __sanitizer_install_malloc_and_free_hooks([](const volatile void*, std::size_t) { ++allocations; },
                                              [](const volatile void* memory) { releases += !!memory; });
}  // namespace

#else

// Every allocation of the program, operator new among them, ends in one of these.
extern "C" {
void* __libc_malloc(std::size_t bytes);
void* __libc_calloc(std::size_t count, std::size_t bytes);
void* __libc_realloc(void* memory, std::size_t bytes);
void* __libc_memalign(std::size_t alignment, std::size_t bytes);
void __libc_free(void* memory);

void* malloc(std::size_t bytes) {
    ++allocations;
    return __libc_malloc(bytes);
}
void* calloc(std::size_t count, std::size_t bytes) {
    ++allocations;
    return __libc_calloc(count, bytes);
}
void* realloc(void* memory, std::size_t bytes) {
    ++allocations;
    releases += !!memory;
    return __libc_realloc(memory, bytes);
}
void* aligned_alloc(std::size_t alignment, std::size_t bytes) {
    ++allocations;
    return __libc_memalign(alignment, bytes);
}
int posix_memalign(void** memory, std::size_t alignment, std::size_t bytes) {
    ++allocations;
    *memory = __libc_memalign(alignment, bytes);
    return *memory ? 0 : ENOMEM;
}
void free(void* memory) {
    releases += !!memory;
    __libc_free(memory);
}
}

#endif

namespace {

using namespace support;

template <class Function>
long allocations_in(const Function& function) {
    const long before = allocations;
    function();
    return allocations - before;
}

// Keeps the compiler from removing an allocation nobody uses.
template <class T>
T* keep(T* memory) {
    asm volatile("" : "+r"(memory));
    return memory;
}

TEST(Allocation, IsSeenWhereverItComesFrom) {
    EXPECT_EQ(allocations_in([] {}), 0);
    EXPECT_EQ(allocations_in([] { std::free(keep(std::malloc(10))); }), 1);
    EXPECT_EQ(allocations_in([] { delete keep(new char); }), 1);
    struct alignas(128) Aligned {
        char bytes[128];
    };
    EXPECT_EQ(allocations_in([] { delete keep(new Aligned); }), 1);
    EXPECT_EQ(allocations_in([] { keep(std::vector<int>(100).data()); }), 1);
}

const Sizes kSizes{.batch = 3, .heads = 4, .kv_heads = 2, .seq = 1500, .key_dim = 48};
const std::vector<int> kLengths{1500, 0, 700};

// Ten calls of one plan on `executor`.
template <class Executor>
long allocations_on(const Executor& executor) {
    const Decode<float, ifa::float16> decode(kSizes);
    auto all = operands<ifa::float16>(decode);
    const std::vector<std::uint8_t> hidden = Random(3).mask(1500, 1, 3);
    const std::vector<float> bias(4 * 1500, 0.25f);
    const ifa::ContiguousKv kv{all.key.view(), all.value.view()};
    const ifa::Plan plan = ifa::plan(kSizes.query(), kv, executor, ifa::RightPadding{.lengths = kLengths});
    std::vector<std::byte> workspace(plan.workspace_bytes());
    const auto call = [&] {
        ifa::incre_flash_attention(
            all.query.view(), kv, all.out.view(), {.scale = 0.1, .plan = &plan, .workspace = workspace}, executor,
            ifa::AttnMask{ifa::mask(hidden, {.seq = 1500})}, ifa::PseShift{ifa::bias(bias, {.heads = 4, .seq = 1500})},
            [](const ifa::ScoreTile& tile) { tile.scores[0] += 1; });
    };
    return allocations_in([&] {
        for (int i = 0; i < 10; ++i) call();
    });
}

TEST(Allocation, APlannedCallOnTheCallersThreadMakesNone) {
    EXPECT_EQ(allocations_on(ifa::Inline{}), 0);
}

TEST(Allocation, APlannedCallOnAThreadPoolMakesNone) {
    Eigen::ThreadPool pool(3);
    EXPECT_EQ(allocations_on(ifa::EigenPool(pool)), 0);
}

TEST(Allocation, APlannedCallOverInt8PagesWithInt8OutputMakesNone) {
    const Decode<float, std::int8_t> decode(kSizes);
    const std::vector<Index> lengths(kLengths.begin(), kLengths.end());
    const auto pages = paged(decode, lengths, 16, Layout::kBsh);
    const Scales<ifa::float16> scales(kSizes.channels(), 3);
    auto all = operands<std::int8_t>(decode);
    std::vector<float> log_sum_exp(12);
    const ifa::PagedKv kv{pages.key.view(), pages.value.view(), pages.block_table()};
    const ifa::Plan plan = ifa::plan(kSizes.query(), kv, ifa::RightPadding{.lengths = kLengths});
    std::vector<std::byte> workspace(plan.workspace_bytes());
    EXPECT_EQ(allocations_in([&] {
                  ifa::incre_flash_attention(
                      all.query.view(), ifa::antiquant(kv, ifa::per_channel(scales.scale, scales.offset)),
                      ifa::keep_log_sum_exp(ifa::post_quant(all.out.view(), {.scale = 90.f}),
                                            ifa::bsh(log_sum_exp, {.batch = 3, .heads = 4})),
                      {.scale = 0.1, .plan = &plan, .workspace = workspace}, ifa::HighPrecision{});
              }),
              0);
}

TEST(Allocation, CheckingACallThatIsFineMakesNone) {
    const Decode<float> decode(kSizes);
    auto all = operands<float>(decode);
    const ifa::ContiguousKv kv{all.key.view(), all.value.view()};
    std::vector<std::byte> workspace(1 << 20);
    EXPECT_EQ(allocations_in([&] {
                  EXPECT_FALSE(ifa::check(all.query.view(), kv, all.out.view(), {.workspace = workspace},
                                          ifa::RightPadding{.lengths = kLengths}));
              }),
              0);
}

TEST(Allocation, AnUnplannedCallMakesOneForItsPlanAndOneForItsMemory) {
    const Decode<float> decode(kSizes);
    auto all = operands<float>(decode);
    const ifa::ContiguousKv kv{all.key.view(), all.value.view()};
    std::vector<std::byte> workspace(1 << 20);
    EXPECT_EQ(allocations_in([&] { ifa::incre_flash_attention(all.query.view(), kv, all.out.view()); }), 2);
    EXPECT_EQ(allocations_in(
                  [&] { ifa::incre_flash_attention(all.query.view(), kv, all.out.view(), {.workspace = workspace}); }),
              1);
}

// Runs one of its jobs and throws.
struct Broken {
    using role = ifa::role::Executor;

    int concurrency() const { return 4; }
    void run(int, const auto& body) const {
        body(2);
        throw std::runtime_error("no more workers");
    }
};

TEST(Allocation, ACallWhoseExecutorThrowsReleasesAllItAllocated) {
    const Decode<float> decode(kSizes);
    auto all = operands<float>(decode);
    const ifa::ContiguousKv kv{all.key.view(), all.value.view()};
    bool thrown = false;
    const auto call = [&] {
        try {
            ifa::incre_flash_attention(all.query.view(), kv, all.out.view(), Broken{});
        } catch (const std::runtime_error&) {
            thrown = true;
        }
    };
    call();  // the first exception of a program allocates what later ones use again
    const long held = allocations - releases;
    EXPECT_GE(allocations_in(call), 3);  // its plan, its memory and the exception
    EXPECT_EQ(allocations - releases, held);
    EXPECT_TRUE(thrown);
}

}  // namespace
