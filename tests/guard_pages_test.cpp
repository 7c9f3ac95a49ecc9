// No byte beside a tensor is touched: each lies between pages that nobody may touch, once ending where such a page
// begins, once beginning where one ends.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <deque>

#include "fuzz/door.hpp"
#include "ifa/incre_flash_attention.hpp"
#include "support/caches.hpp"
#include "support/decode.hpp"

namespace {

using ifa::DType;
using ifa::Index;

enum class Side { kEnd, kBeginning };

// Bytes with a page before and a page after that may not be touched.
class GuardedPages {
   public:
    static constexpr std::size_t kBytes = std::size_t{1} << 20;

    GuardedPages() {
        const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
        const std::size_t pages = (kBytes / page + 2) * page;
        void* const mapped = mmap(nullptr, pages, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (mapped == MAP_FAILED) throw std::bad_alloc();
        bytes_ = static_cast<std::byte*>(mapped) + page;
        if (mprotect(bytes_, kBytes, PROT_READ | PROT_WRITE) != 0) throw std::bad_alloc();
        std::memset(bytes_, 0xff, kBytes);
    }
    GuardedPages(const GuardedPages&) = delete;
    GuardedPages& operator=(const GuardedPages&) = delete;

    // NaN, of which the last or the first bytes are taken.
    std::byte* take(std::size_t bytes, Side side) {
        EXPECT_LE(bytes, kBytes);
        if (taken_bytes_ > 0) std::memset(taken_, 0xff, taken_bytes_);
        taken_ = side == Side::kEnd ? bytes_ + kBytes - bytes : bytes_;
        taken_bytes_ = bytes;
        return taken_;
    }

   private:
    std::byte* bytes_;
    std::byte* taken_ = nullptr;
    std::size_t taken_bytes_ = 0;
};

// As many as a call has tensors, kept.
class GuardedMemory {
   public:
    explicit GuardedMemory(Side side) : side_(side) {}

    std::byte* take(std::size_t bytes) {
        static std::deque<GuardedPages>& all = *new std::deque<GuardedPages>;
        if (used_ == all.size()) all.emplace_back();
        return all[used_++].take(bytes, side_);
    }
    template <class T>
    T* copy_of(const std::vector<T>& elements) {
        std::byte* const to = take(elements.size() * sizeof(T));
        if (!elements.empty()) std::memcpy(to, elements.data(), elements.size() * sizeof(T));
        return reinterpret_cast<T*>(to);
    }

   private:
    Side side_;
    std::size_t used_ = 0;
};

constexpr Side kSides[] = {Side::kEnd, Side::kBeginning};

// Below, at and above every vector, register block and pair that a row is cut into.
constexpr Index kDims[] = {1,  2,  3,  5,  7,  8,  9,  15, 16, 17, 23,  24,  25,  31,
                           32, 33, 47, 48, 49, 63, 64, 65, 80, 96, 127, 128, 129, 256};
constexpr Index kGroups[] = {1, 2, 3, 4, 5, 8};

struct Types {
    DType query, cache, output;
};
constexpr DType kFloats[] = {DType::kFloat32, DType::kFloat16, DType::kBfloat16};

// The query, the cache and the output of each type that the run-time door takes.
std::vector<Types> all_types() {
    std::vector<Types> all;
    for (const DType& query : kFloats)
        for (const DType& cache : {query, DType::kInt8})
            for (const DType& output : {query, DType::kInt8}) all.push_back({query, cache, output});
    return all;
}

// Storages and blocks that the run-time door takes.
struct Cache {
    const char* name;
    fuzz::Storage storage;
    fuzz::Layout layout;
    Index block_size;
    bool pool_has_heads;
};
constexpr Cache kCaches[] = {{"one tensor, BSH", fuzz::Storage::kOne, fuzz::Layout::kBsh, 32, false},
                             {"one tensor, BNSD", fuzz::Storage::kOne, fuzz::Layout::kBnsd, 32, false},
                             {"list, BSND", fuzz::Storage::kList, fuzz::Layout::kBsnd, 32, false},
                             {"blocks of 16 or 32, BSH", fuzz::Storage::kPool, fuzz::Layout::kBsh, 16, false},
                             {"blocks of 128, BNSD", fuzz::Storage::kPool, fuzz::Layout::kBnsd, 128, true}};

// Everything that a call can have, but for what its number leaves out.
fuzz::Draft draft_of(const Types& types, const Cache& cache, Index head_dim, std::size_t number) {
    fuzz::Draft draft{.query = types.query, .cache = types.cache, .output = types.output};
    draft.layout = cache.layout, draft.storage = cache.storage, draft.pool_has_heads = cache.pool_has_heads;
    draft.block_size = types.cache == DType::kInt8 ? std::max<Index>(cache.block_size, 32) : cache.block_size;
    draft.batch = 2, draft.kv_heads = 1 + static_cast<Index>(number % 2);
    draft.group = kGroups[number % std::size(kGroups)];
    draft.head_dim = head_dim;
    draft.tokens = 49 + static_cast<Index>(number % 5);
    draft.shorter_by[1] = 4;
    draft.lengths[0] = draft.tokens, draft.lengths[1] = 7 + static_cast<Index>(number % 3);
    draft.lengths_kind = number % 2 == 0 ? fuzz::LengthsKind::kEachInt64 : fuzz::LengthsKind::kEachInt32;
    draft.has_kv_padding = number % 3 == 0;
    draft.mask_rank = static_cast<int>(number % 4) + (number % 4 > 0);
    draft.bias_rows = 1 + static_cast<int>(number % 2);
    draft.antiquant_per_tensor = number % 5 == 0;
    draft.has_antiquant_offset = number % 4 != 1;
    draft.post_quant_shape = static_cast<int>(number % 4);
    draft.has_post_quant_offset = number % 3 != 1;
    return draft;
}

// Makes the call of a draft in guarded memory; an access beside a tensor ends the program.
void run(const fuzz::Draft& draft, std::size_t number, Side side) {
    fuzz::Call call = fuzz::ValidCall(draft).call;
    call.scale_value = 0.25;
    call.inner_precise = static_cast<Index>(number / 2 % 2);
    call.chunk_tokens = 48;
    call.seed = number;
    GuardedMemory memory(side);
    const fuzz::Staging::Take take = [&](std::size_t bytes, std::size_t) { return memory.take(bytes); };
    const fuzz::Staging staging(call, take, GuardedPages::kBytes);
    ASSERT_TRUE(staging.is_backed());
    const fuzz::DoorArguments of(call, fuzz::as_tensor);
    const fuzz::Document document(of.arguments);
    const std::vector<reference::Row> exact = document.rows();
    support::call_dynamic(of.arguments);
    fuzz::Comparison(of.arguments, document, exact);
}

// Whether the guards are there: without them the other tests would see nothing.
TEST(GuardPagesDeathTest, AByteBesideATensorEndsTheProgram) {
    for (const Side side : kSides) {
        const volatile auto* const taken = reinterpret_cast<unsigned char*>(GuardedMemory(side).take(5));
        EXPECT_EQ(int{taken[0]}, 0xff);
        EXPECT_DEATH(static_cast<void>(side == Side::kEnd ? taken[5] : taken[-1]), "");
    }
}

class GuardPages : public ::testing::TestWithParam<Types> {};

TEST_P(GuardPages, NothingBesideATensorIsTouched) {
    std::size_t number = 0, calls = 0;
    for (const Cache& cache : kCaches)
        for (const Index head_dim : kDims) {
            const fuzz::Draft draft = draft_of(GetParam(), cache, head_dim, ++number);
            for (const Side side : kSides) {
                ASSERT_NO_THROW(run(draft, number, side)) << cache.name << ", D " << head_dim;
                ++calls;
            }
        }
    RecordProperty("calls", static_cast<int>(calls));
    std::printf("%zu calls: %zu head_dims, %zu caches, each tensor at either end of its pages\n", calls,
                std::size(kDims), std::size(kCaches));
}

INSTANTIATE_TEST_SUITE_P(All, GuardPages, ::testing::ValuesIn(all_types()), [](const auto& of) {
    const auto text = [](const DType& type) { return std::string(ifa::DTypeText(type).text); };
    return text(of.param.query) + "_over_" + text(of.param.cache) + "_to_" + text(of.param.output);
});

// By the bound for any data: among so many short rows some nearly cancel.
void expect_near(const float* out, const std::vector<reference::Row>& exact) {
    for (const reference::Row& row : exact) {
        const std::vector<double> got(out, out + row.values.size());
        EXPECT_LE(reference::distance(got, row.values), support::general_bound(row, support::kTau));
        out += row.values.size();
    }
}

// Blocks of sizes that only the typed door takes.
template <class Cache>
void run_paged(Index block_size, Index head_dim, Side side) {
    using namespace support;
    const Sizes sizes{.batch = 2, .heads = 6, .kv_heads = 2, .seq = 37, .key_dim = head_dim};
    const std::vector<Index> lengths{37, 5};
    const Decode<float, Cache> decode(sizes);
    const auto pages = paged(decode, lengths, block_size, Layout::kBnsd);
    const Scales<float> scales(sizes.channels(), 3);
    GuardedMemory memory(side);
    const float* const query = memory.copy_of(decode.query);
    float* const out = reinterpret_cast<float*>(memory.take(decode.query.size() * sizeof(float)));
    const ifa::BlockTable table =
        ifa::block_table(memory.copy_of(pages.table), {.batch = sizes.batch, .max_blocks = pages.max_blocks});
    const ifa::PagedKv kv{ifa::bnsd(const_cast<const Cache*>(memory.copy_of(pages.key.dense())), pages.key.shape()),
                          ifa::bnsd(const_cast<const Cache*>(memory.copy_of(pages.value.dense())), pages.value.shape()),
                          table};
    const ifa::RightPadding padding{.lengths = ifa::Span<const Index>(memory.copy_of(lengths), 2)};
    reference::Problem problem = decode.problem(lengths);
    const auto attend = [&](const auto& cache) {
        ifa::incre_flash_attention(ifa::bsh(query, sizes.query()), cache, ifa::bsh(out, sizes.output()),
                                   {.scale = decode.scale}, padding, ifa::HighPrecision{});
    };
    if constexpr (std::is_integral_v<Cache>) {
        dequantise(problem, scales);
        attend(ifa::antiquant(kv, ifa::per_channel(memory.copy_of(scales.scale), memory.copy_of(scales.offset))));
    } else {
        attend(kv);
    }
    expect_near(out, reference::attend(problem));
}

template <class Cache>
class GuardPagesOfBlocks : public ::testing::Test {};
using BlockTypes = ::testing::Types<ifa::float16, std::int8_t>;
TYPED_TEST_SUITE(GuardPagesOfBlocks, BlockTypes);

TYPED_TEST(GuardPagesOfBlocks, NothingBesideATensorIsTouched) {
    for (const Index block_size : {1, 16, 17, 128})
        for (const Index head_dim : kDims)
            for (const Side side : kSides) run_paged<TypeParam>(block_size, head_dim, side);
}

}  // namespace
