// The refusal of caches, plans and workspaces that do not fit their call.
#include <gtest/gtest.h>

#include <vector>

#include "ifa/incre_flash_attention.hpp"
#include "support/caches.hpp"
#include "support/decode.hpp"
#include "support/refusal.hpp"

namespace {

using namespace support;
using enum ifa::ErrorKind;

const Sizes kSizes{.batch = 2, .heads = 4, .kv_heads = 2, .seq = 40, .key_dim = 8};

// What a call over `kv` throws; `check` must say the same, and the output stays as it was.
template <class Kv, class... Policies>
Refusal refused(const Kv& kv, const ifa::Options& options, const Policies&... policies) {
    static const std::vector<float> memory(64, 0.5f);
    const auto query = ifa::bsh(memory, kSizes.query());
    Tensor<float> out(kSizes.output(), Layout::kBsh);
    const Refusal refusal = thrown_by([&] { ifa::incre_flash_attention(query, kv, out.view(), options, policies...); });
    EXPECT_EQ(refusal_of(ifa::check(query, kv, out.view(), options, policies...)), refusal);
    EXPECT_TRUE(out.untouched());
    return refusal;
}

// A pool of 7 blocks of 16 tokens, 3 for each sequence, that is fine until a test spoils it.
struct Paged {
    static constexpr Shape kPool{.batch = 7, .heads = 2, .seq = 16, .head_dim = 8};

    std::vector<float> blocks = std::vector<float>(elements(kPool), 0.5f);
    std::vector<std::int32_t> table = {0, 1, 2, 3, 4, -1};
    ifa::PagedKv<float, float> kv{ifa::bsh(blocks, kPool), ifa::bsh(blocks, kPool),
                                  ifa::block_table(table, {.batch = 2, .max_blocks = 3})};

    template <class Policy = ifa::RightPadding>
    static std::function<Refusal()> after(const std::function<void(Paged&)>& spoil,
                                          const Policy& policy = ifa::RightPadding{.lengths = 32}) {
        return [=] {
            Paged paged;
            spoil(paged);
            return refused(paged.kv, {}, policy);
        };
    }
};
void nothing(Paged&) {}

TEST(BadInput, Pages) {
    static const std::vector<int> into_padding{48, 33};
    const BadInput table[] = {
        {"no lengths", kRuntime, "actual_seq_lengths", "page attention", "none",
         Paged::after(nothing, ifa::RightPadding{})},
        {"no padding", kRuntime, "actual_seq_lengths", "page attention", "none",
         Paged::after(nothing, ifa::NoPadding{})},
        {"batch", kRuntime, "block_table", "batch of 2", "got 1",
         Paged::after([](Paged& p) { p.kv.table.shape.batch = 1; })},
        {"block beyond the pool", kRuntime, "block_table[1][1]", "block in [0, 7)", "got 7",
         Paged::after([](Paged& p) { p.table[4] = 7; })},
        {"negative block", kRuntime, "block_table[0][0]", "block in [0, 7)", "got -5",
         Paged::after([](Paged& p) { p.table[0] = -5; })},
        {"padding entry that is read", kRuntime, "block_table[1][2]", "block in [0, 7)", "got -1",
         Paged::after(nothing, ifa::RightPadding{.lengths = into_padding})},
        {"too long", kRuntime, "actual_seq_lengths[0]", "0 to 48", "got 49",
         Paged::after(nothing, ifa::RightPadding{.lengths = 49})},
        {"table null", kRuntime, "block_table", "data", "null pointer",
         Paged::after([](Paged& p) { p.kv.table.data = nullptr; })},
        {"table short", kRuntime, "block_table", "at least 6 elements", "got 5",
         Paged::after([](Paged& p) { p.kv.table.extent = 5; })},
        {"negative table", kRuntime, "block_table", "extents of at least 0", "-3",
         Paged::after([](Paged& p) { p.kv.table.shape.max_blocks = -3; })},
        {"no block size", kRuntime, "block_size", "at least 1", "got 0",
         Paged::after([](Paged& p) { p.kv.key.shape.seq = p.kv.value.shape.seq = 0; })},
        {"value pool", kRuntime, "value", "(7, 2, 16, D) as in key", "got (6, 2, 16, 8)",
         Paged::after([](Paged& p) { p.kv.value.shape.batch = 6; })},
        {"pool null", kRuntime, "key", "data", "null pointer", Paged::after([](Paged& p) { p.kv.key.data = nullptr; })},
        {"value pool null", kRuntime, "value", "data", "null pointer",
         Paged::after([](Paged& p) { p.kv.value.data = nullptr; })},
    };
    for (const BadInput& bad : table) expect_refused(bad);
}

TEST(BadInput, MasksOverPagesCoverTheTable) {
    static const std::vector<std::uint8_t> bytes(2 * 47);
    Paged paged;
    const Refusal refusal = refused(paged.kv, {}, ifa::RightPadding{.lengths = 32},
                                    ifa::AttnMask{ifa::mask(bytes, {.batch = 2, .seq = 47})});
    EXPECT_EQ(refusal.message, "attn_mask: expected at least 48 columns, got 47");
}

// Two tensors of 40 and 30 tokens.
struct Listed {
    static constexpr Shape kFirst{.heads = 2, .seq = 40, .head_dim = 8}, kSecond{.heads = 2, .seq = 30, .head_dim = 8};

    std::vector<float> memory = std::vector<float>(640, 0.5f);
    std::vector<TensorView<const float>> keys{ifa::bsh(memory, kFirst), ifa::bnsd(memory, kSecond)}, values = keys;

    static std::function<Refusal()> after(const std::function<void(Listed&)>& spoil) {
        return [=] {
            Listed listed;
            spoil(listed);
            return refused(ifa::TensorListKv{listed.keys, listed.values}, {});
        };
    }
};

TEST(BadInput, Lists) {
    static const std::vector<int> second_too_long{40, 31};
    const BadInput table[] = {
        {"batch", kRuntime, "key", "batch of 2", "got 3",
         Listed::after([](Listed& l) { l.keys.push_back(l.keys[0]); })},
        {"fewer values", kRuntime, "value", "list of 2", "got 1",
         Listed::after([](Listed& l) { l.values.pop_back(); })},
        {"heads", kRuntime, "key[1]", "(1, 2, 30, 8)", "got (1, 1, 30, 8)",
         Listed::after([](Listed& l) { l.keys[1].shape.heads = l.values[1].shape.heads = 1; })},
        {"dimension", kRuntime, "value[1]", "(1, 2, 30, 8)", "got (1, 2, 30, 7)",
         Listed::after([](Listed& l) { l.values[1].shape.head_dim = 7; })},
        {"length", kRuntime, "value[0]", "(1, 2, 40, 8)", "got (1, 2, 39, 8)",
         Listed::after([](Listed& l) { l.values[0].shape.seq = 39; })},
        {"batch of a tensor", kRuntime, "key[0]", "(1, 2, 40, 8)", "got (2, 2, 40, 8)",
         Listed::after([](Listed& l) { l.keys[0].shape.batch = 2, l.keys[0].strides.batch = 0; })},
        {"null", kRuntime, "key[1]", "data", "null pointer",
         Listed::after([](Listed& l) { l.keys[1].data = nullptr; })},
        {"short", kRuntime, "value[1]", "at least 480 elements", "got 479",
         Listed::after([](Listed& l) { l.values[1].extent = 479; })},
        {"own length", kRuntime, "actual_seq_lengths[1]", "0 to 30", "got 31",
         [] {
             Listed listed;
             return refused(ifa::TensorListKv{listed.keys, listed.values}, {},
                            ifa::RightPadding{.lengths = second_too_long});
         }},
    };
    for (const BadInput& bad : table) expect_refused(bad);
}

TEST(BadInput, Antiquant) {
    static const std::vector<std::int8_t> cache(1280);
    static const std::vector<float> channels(32, 1.f), fewer(31, 1.f), two(2, 1.f), one(1, 1.f);
    static const float* const forgotten = nullptr;
    const auto with = [](const auto& codec) {
        return [codec] {
            const ifa::ContiguousKv kv{ifa::bsh(cache, kSizes.key()), ifa::bsh(cache, kSizes.value())};
            return refused(ifa::antiquant(kv, codec), {});
        };
    };
    const BadInput table[] = {
        {"scale count", kRuntime, "antiquant_scale", "32 elements", "got 31", with(ifa::per_channel(fewer))},
        {"offset count", kRuntime, "antiquant_offset", "32 elements", "got 31",
         with(ifa::per_channel(channels, fewer))},
        {"tensor scale count", kRuntime, "antiquant_scale", "2 elements", "got 1", with(ifa::per_tensor(one))},
        {"tensor offset count", kRuntime, "antiquant_offset", "2 elements", "got 1", with(ifa::per_tensor(two, one))},
        {"scale null", kRuntime, "antiquant_scale", "data", "null pointer", with(ifa::per_channel(forgotten))},
        {"offset null", kRuntime, "antiquant_offset", "data", "null pointer",
         with(ifa::per_channel(channels, forgotten))},
        {"no scale", kRuntime, "antiquant_scale", "32 elements", "got none", with(ifa::PerChannel<const float>{})},
    };
    for (const BadInput& bad : table) expect_refused(bad);
}

// Whatever a call reads must not lie in its output.
TEST(BadInput, OutputsOverlappingWhatACacheIsMadeOf) {
    static std::vector<float> shared(elements(Paged::kPool), 1.f);
    static const std::vector<float> memory(64, 0.5f), scales(32, 1.f);
    static const std::vector<std::int8_t> cache(1280);
    const auto overlap_of = [](const auto& kv, const auto& padding) {
        const auto call = [&] {
            ifa::incre_flash_attention(ifa::bsh(memory, kSizes.query()), kv, ifa::bsh(shared, kSizes.output()),
                                       padding);
        };
        const std::string message = thrown_by(call).message, start = "attention_out: expected memory apart from every ";
        EXPECT_EQ(message.rfind(start, 0), 0u) << message;
        return message.substr(message.rfind(' ') + 1);
    };
    const auto antiquant = [](const auto& codec) {
        const ifa::ContiguousKv kv{ifa::bsh(cache, kSizes.key()), ifa::bsh(cache, kSizes.value())};
        return ifa::antiquant(kv, codec);
    };
    EXPECT_EQ(overlap_of(antiquant(ifa::per_channel(shared.data() + 33)), ifa::NoPadding{}), "antiquant_scale");
    EXPECT_EQ(overlap_of(antiquant(ifa::per_channel(scales, shared.data() + 33)), ifa::NoPadding{}),
              "antiquant_offset");
    EXPECT_EQ(overlap_of(antiquant(ifa::per_tensor(shared.data() + 62)), ifa::NoPadding{}), "antiquant_scale");

    const ifa::RightPadding nothing_seen{.lengths = 0};
    Paged keys, values, table;
    keys.kv.key = ifa::bsh(shared, Paged::kPool);
    values.kv.value = ifa::bsh(shared, Paged::kPool);
    table.kv.table =
        ifa::block_table(reinterpret_cast<const std::int32_t*>(shared.data()), {.batch = 2, .max_blocks = 3});
    EXPECT_EQ(overlap_of(keys.kv, nothing_seen), "key");
    EXPECT_EQ(overlap_of(values.kv, nothing_seen), "value");
    EXPECT_EQ(overlap_of(table.kv, nothing_seen), "block_table");

    Listed second_key, second_value;
    second_key.keys[1] = second_value.values[1] = ifa::bnsd(shared, Listed::kSecond);
    EXPECT_EQ(overlap_of(ifa::TensorListKv{second_key.keys, second_key.values}, ifa::NoPadding{}), "key");
    EXPECT_EQ(overlap_of(ifa::TensorListKv{second_value.keys, second_value.values}, ifa::NoPadding{}), "value");
    EXPECT_EQ(shared, std::vector<float>(shared.size(), 1.f));
}

struct Contiguous {
    std::vector<float> memory = std::vector<float>(1280, 0.5f);
    ifa::ContiguousKv<float, float> kv{ifa::bsh(memory, kSizes.key()), ifa::bsh(memory, kSizes.value())};
};

TEST(BadInput, PlansThatDoNotFit) {
    static Contiguous cache;
    static const ifa::Plan plan = ifa::plan(kSizes.query(), cache.kv);
    static const ifa::Plan shorter = ifa::plan(kSizes.query(), cache.kv, ifa::RightPadding{.lengths = 7});
    const auto other_shape = [](const Shape& query, const Shape& kv) {
        return [=] {
            const std::vector<float> other(elements(kv));
            const ifa::Plan made = ifa::plan(query, ifa::ContiguousKv{ifa::bsh(other, kv), ifa::bsh(other, kv)});
            return refused(cache.kv, {.plan = &made});
        };
    };
    const BadInput table[] = {
        {"batch", kRuntime, "plan", "(1, 4, 2, 8, 8)", "(2, 4, 2, 8, 8)",
         other_shape({.batch = 1, .heads = 4, .head_dim = 8}, {.batch = 1, .heads = 2, .seq = 40, .head_dim = 8})},
        {"heads", kRuntime, "plan", "(2, 8, 2, 8, 8)", "(2, 4, 2, 8, 8)",
         other_shape({.batch = 2, .heads = 8, .head_dim = 8}, {.batch = 2, .heads = 2, .seq = 40, .head_dim = 8})},
        {"longer", kRuntime, "plan", "at most the cache's 40", "ends at token 41",
         other_shape({.batch = 2, .heads = 4, .head_dim = 8}, {.batch = 2, .heads = 2, .seq = 41, .head_dim = 8})},
        {"with padding", kRuntime, "plan", "no padding", "got one",
         [] { return refused(cache.kv, {.plan = &plan}, ifa::RightPadding{.lengths = 3}); }},
        {"workspace of a plan", kRuntime, "workspace", "at least", "got 10",
         [] {
             static std::vector<std::byte> memory(10);
             return refused(cache.kv, {.plan = &shorter, .workspace = memory});
         }},
        {"workspace without a plan", kRuntime, "workspace", "at least", "got 10",
         [] {
             static std::vector<std::byte> memory(10);
             return refused(cache.kv, {.workspace = memory});
         }},
    };
    for (const BadInput& bad : table) expect_refused(bad);
}

TEST(BadInput, AWorkspaceShortOfOneByteIsNamedWithItsNeed) {
    static Contiguous cache;
    const ifa::Plan plan = ifa::plan(kSizes.query(), cache.kv);
    std::vector<std::byte> memory(plan.workspace_bytes() - 1);
    const std::string need = std::to_string(plan.workspace_bytes()), got = std::to_string(memory.size());
    EXPECT_EQ(refused(cache.kv, {.plan = &plan, .workspace = memory}).message,
              "workspace: expected at least " + need + " bytes, got " + got);
}

struct NoThreads {
    using role = ifa::role::Executor;
    int concurrency() const { return 0; }
    void run(int, const auto&) const {}
};

TEST(BadInput, PlanRefusesWhatTheCallWould) {
    static Contiguous cache;
    static const std::vector<int> three{1, 2, 3};
    const auto planned = [](const Shape& query, const ifa::Options& options, const auto&... policies) {
        return [=] { return thrown_by([&] { ifa::plan(query, cache.kv, options, policies...); }); };
    };
    const BadInput table[] = {
        {"batch", kRuntime, "key", "batch of 3", "got 2", planned({.batch = 3, .heads = 4, .head_dim = 8}, {})},
        {"heads", kValue, "num_heads", "multiple of num_key_value_heads 2", "got 5",
         planned({.batch = 2, .heads = 5, .head_dim = 8}, {})},
        {"dimension", kRuntime, "query", "head_dim of 8", "got 9",
         planned({.batch = 2, .heads = 4, .head_dim = 9}, {})},
        {"count", kValue, "actual_seq_lengths", "1 or 2 elements", "got 3",
         planned(kSizes.query(), {}, ifa::RightPadding{.lengths = three})},
        {"length", kRuntime, "actual_seq_lengths[0]", "0 to 40", "got 41",
         planned(kSizes.query(), {}, ifa::RightPadding{.lengths = 41})},
        {"chunks", kRuntime, "chunk_tokens", "positive multiple of 48", "got 7",
         planned(kSizes.query(), {.chunk_tokens = 7})},
        {"executor", kRuntime, "executor", "concurrency of at least 1", "got 0",
         planned(kSizes.query(), {}, NoThreads{})},
        {"pages without lengths", kRuntime, "actual_seq_lengths", "page attention", "none",
         [] {
             Paged paged;
             return thrown_by([&] { ifa::plan(kSizes.query(), paged.kv); });
         }},
    };
    for (const BadInput& bad : table) expect_refused(bad);
}

TEST(BadInput, BlockIdsAreCheckedAtEveryPlannedCall) {
    Paged paged;
    const ifa::Plan plan = ifa::plan(kSizes.query(), paged.kv, ifa::RightPadding{.lengths = 32});
    paged.table[4] = 99;
    EXPECT_EQ(refused(paged.kv, {.plan = &plan}).message, "block_table[1][1]: expected a block in [0, 7), got 99");
}

}  // namespace
