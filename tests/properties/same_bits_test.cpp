// The same bits, whatever the layout, storage, padding, heads, threads, plan, workspace and batch.
#include <gtest/gtest.h>

#include <string_view>

#include "properties/support/same_bits.hpp"

namespace properties {
namespace {

// That each sequence of each variant has the bits of the plainest call, over all scenes and elements.
template <class VariantsOf>
void expect_same_bits(const VariantsOf& variants_of) {
    for (std::size_t scene = 0; scene < scenes().size(); ++scene)
        for (std::size_t elements = 0; elements < kElements.size(); ++elements) {
            const auto plain = results(scenes()[scene], elements, {});
            for (const Variant& variant : variants_of(scenes()[scene]))
                for (const auto& [sequence, bytes] : results(scenes()[scene], elements, variant))
                    EXPECT_TRUE(bytes == plain.at(sequence)) << variant.name << ", sequence " << sequence
                                                             << " of scene " << scene << ", elements " << elements;
        }
}

void expect_same_bits(const std::vector<Variant>& variants) {
    expect_same_bits([&](const Scene&) { return variants; });
}

TEST(SameBits, InEveryLayout) {
    expect_same_bits(layouts());
}

TEST(SameBits, InAListOfTensors) {
    expect_same_bits(lists());
}

TEST(SameBits, InPagesOfAnySizeAndOrder) {
    expect_same_bits(pages());
}

TEST(SameBits, PaddedOnTheLeftOrTheRight) {
    expect_same_bits(left_paddings());
}

TEST(SameBits, WithHeadsGroupedOrRepeated) {
    expect_same_bits(repeated_heads());
}

TEST(SameBits, OnOneToEightThreads) {
    expect_same_bits(threads());
}

TEST(SameBits, WithJobsInReverseOneByOneOrTooFew) {
    expect_same_bits(odd_executors());
}

TEST(SameBits, PlannedOrNot) {
    expect_same_bits(plans());
}

TEST(SameBits, InAWorkspaceOfAnyAlignment) {
    expect_same_bits(workspaces());
}

TEST(SameBits, AloneOrInABatch) {
    expect_same_bits(batches);
}

// What all plain calls together hash to on this instruction set. A change of the kernels' arithmetic changes it.
unsigned long long recorded_hash() {
    const std::string_view isa = ifa::isa();
    if (isa == "avx512") return 0xf5ad00d838cc613d;
    if (isa == "avx2") return 0x5416fd71ca7211cf;
    if (isa == "neon") return 0x0f8db1494f17a930;
#if defined(__FMA__)
    return 0x2788efefb626382f;
#else
    return 0xdd987490cd06293e;
#endif
}

TEST(SameBits, FromEveryCompilerAndWithAllFlags) {
    const Hash hash = hash_of_results([](const Scene&) { return std::vector<Variant>(1); });
    EXPECT_EQ(hash.value(), recorded_hash()) << ifa::isa();
}

}  // namespace
}  // namespace properties
