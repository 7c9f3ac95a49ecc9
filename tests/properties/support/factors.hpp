// The space of calls: its factors, the values of each, and which values exclude each other.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace properties {

enum class ElementType : std::uint8_t { kNone, kFloat32, kFloat16, kBfloat16, kInt8 };

// What a template of the library sees.
enum class Codec : std::uint8_t { kIdentity, kPerChannel, kPerTensor };
enum class Quant : std::uint8_t { kPlain, kPerTensor, kPerChannel };
enum class LogSumExp : std::uint8_t { kDropped, kKept };
enum class Storage : std::uint8_t { kContiguous, kList, kPaged };
enum class Padding : std::uint8_t { kNone, kRight, kLeft };
enum class Planning : std::uint8_t { kUnplanned, kPlanned };
enum class Masking : std::uint8_t { kUnmasked, kMasked };
enum class Cap : std::uint8_t { kNone, kSoft };
enum class Precision : std::uint8_t { kHighPrecision, kHighPerformance };

// What only a running call sees.
enum class Layout : std::uint8_t { kBsh, kBnsd, kBsnd, kStrided };
enum class BlockSize : std::uint8_t { kNone, kOne, kOdd, kSixteen, kOneHundredTwentyEight };
enum class BlockOrder : std::uint8_t { kNone, kAscending, kPermuted, kShared };
enum class Offset : std::uint8_t { kNone, kModerate, kLarge };
enum class LengthsKind : std::uint8_t { kAbsent, kInteger, kOneElement, kInt32Each, kInt64Each };
enum class KvPadding : std::uint8_t { kNone, kNegative, kZero, kPositive, kBeyondTheCache };
enum class MaskByte : std::uint8_t { kNone, kBool, kInt8, kUint8 };
enum class Rows : std::uint8_t { kNone, kShared, kEach };
enum class MaskPattern : std::uint8_t { kNone, kRandom, kRuns, kOneLeft, kWhollyHidden };
enum class BiasValues : std::uint8_t { kNone, kSmall, kRemoving, kLarge };
enum class HiddenRows : std::uint8_t { kZeros, kMeanOfValues };
enum class Columns : std::uint8_t { kExact, kWider };
enum class ExecutorKind : std::uint8_t { kInline, kEigenPool, kReversed, kOneByOne, kShortHanded };
enum class Workers : std::uint8_t { kOne, kTwo, kThreeOrFour, kFiveToEight };
enum class WorkspaceKind : std::uint8_t { kOwn, kAligned, kOdd };
enum class Group : std::uint8_t { kOne, kTwo, kThree, kFour, kFive, kSeven, kUpToSixteen, kSeventyOne };
enum class HeadDim : std::uint8_t { kBelowEight, kMultipleOfEight, kOther, kAbove256 };
enum class ValueDim : std::uint8_t { kEqual, kSmaller, kLarger };
enum class Longest : std::uint8_t { kEmpty, kOneToken, kOneChunk, kTwoChunks, kThreeOrFourChunks };
enum class ChunkTokens : std::uint8_t { kOneTile, kThreeTiles, kDefault };
enum class Batch : std::uint8_t { kOne, kTwoOrThree, kFourOrFive };
enum class KvHeads : std::uint8_t { kOne, kTwo, kThree };
enum class Values : std::uint8_t { kCentred, kWithMean, kTiny, kLarge };
enum class Scores : std::uint8_t { kModerate, kLarge, kExtreme };

enum Factor : std::size_t {
    // Those of a Combination, in the order of its members.
    kQuery,
    kCache,
    kCodec,
    kScale,
    kOutput,
    kQuant,
    kLogSumExp,
    kStorage,
    kPadding,
    kPlanning,
    kMasking,
    kBias,
    kCap,
    kPrecision,
    kTypeFactors,
    // Those of a running call.
    kQueryLayout = kTypeFactors,
    kOutputLayout,
    kCacheLayout,
    kBlockSize,
    kBlockOrder,
    kOffset,
    kLengthsKind,
    kKvPadding,
    kMaskByte,
    kMaskRows,
    kMaskPattern,
    kBiasRows,
    kBiasValues,
    kHiddenRows,
    kColumns,
    kExecutor,
    kWorkers,
    kWorkspace,
    kGroup,
    kHeadDim,
    kValueDim,
    kLongest,
    kChunkTokens,
    kBatch,
    kKvHeads,
    kValues,
    kScores,
    kFactors
};

// The choices the compiler must know. A row of the table in combinations.hpp.
struct Combination {
    ElementType query;
    ElementType cache;
    Codec codec;
    ElementType scale;  // of antiquant scales and offsets
    ElementType output;
    Quant quant;
    LogSumExp log_sum_exp;
    Storage storage;
    Padding padding;
    Planning planning;
    Masking masking;
    ElementType bias;
    Cap cap;
    Precision precision;
};

// One value for each factor.
struct Point {
    std::size_t row = 0;  // of the table
    std::array<std::uint8_t, kFactors> values = {};

    template <class Value>
    Value get(Factor factor) const {
        return static_cast<Value>(values[factor]);
    }
};

struct FactorDescription {
    const char* name;
    std::vector<const char*> values;  // an empty name marks a value this factor does not take
};

inline const std::vector<FactorDescription>& descriptions() {
    static const std::vector<FactorDescription> table = {
        {"query", {"", "float32", "float16", "bfloat16"}},
        {"cache", {"", "float32", "float16", "bfloat16", "int8"}},
        {"codec", {"identity", "per channel", "per tensor"}},
        {"antiquant scale", {"none", "float32", "float16", "bfloat16"}},
        {"output", {"", "float32", "float16", "bfloat16", "int8"}},
        {"post-quant", {"none", "per tensor", "per channel"}},
        {"log-sum-exp", {"dropped", "kept"}},
        {"storage", {"contiguous", "list", "paged"}},
        {"padding", {"none", "right", "left"}},
        {"planning", {"unplanned", "planned"}},
        {"masking", {"unmasked", "masked"}},
        {"pse", {"none", "float32", "float16", "bfloat16"}},
        {"lambda", {"none", "soft cap"}},
        {"precision", {"high precision", "high performance"}},
        {"query layout", {"BSH", "BNSD", "BSND", "strided"}},
        {"output layout", {"BSH", "BNSD", "BSND", "strided"}},
        {"cache layout", {"BSH", "BNSD", "BSND", "strided"}},
        {"block size", {"none", "1", "odd", "16", "128"}},
        {"block order", {"none", "ascending", "permuted", "shared"}},
        {"antiquant offset", {"none", "at most 16", "large"}},
        {"lengths", {"absent", "an integer", "one element", "int32 each", "int64 each"}},
        {"kv padding", {"none", "negative", "0", "positive", "beyond the cache"}},
        {"mask bytes", {"none", "bool", "int8", "uint8"}},
        {"mask rows", {"none", "shared", "each"}},
        {"mask pattern", {"none", "random", "runs", "one left", "wholly hidden"}},
        {"pse rows", {"none", "shared", "each"}},
        {"pse values", {"none", "small", "removing", "large"}},
        {"wholly hidden rows", {"zeros", "mean of values"}},
        {"mask and pse columns", {"exact", "wider"}},
        {"executor", {"inline", "Eigen pool", "reversed", "one by one", "short-handed"}},
        {"workers", {"1", "2", "3 to 4", "5 to 8"}},
        {"workspace", {"own", "aligned", "odd"}},
        {"group", {"1", "2", "3", "4", "5", "7", "6 to 16", "71"}},
        {"head_dim", {"1 to 7", "multiple of 8", "9 to 255", "257 to 512"}},
        {"value head_dim", {"equal", "smaller", "larger"}},
        {"longest sequence", {"0", "1", "one chunk", "two chunks", "three or four chunks"}},
        {"chunk tokens", {"48", "144", "528"}},
        {"batch", {"1", "2 to 3", "4 to 5"}},
        {"kv heads", {"1", "2", "3"}},
        {"values", {"centred", "with a mean", "tiny", "large"}},
        {"scores", {"moderate", "large", "extreme"}},
    };
    return table;
}

enum class Relation : std::uint8_t { kRequires, kExcludes, kExactlyWhen, kUnless };

// `factor` = `value` requires, excludes, holds exactly when, or holds unless `other` = `other_value`.
struct Rule {
    template <class Value, class OtherValue>
    constexpr Rule(Factor a, Value a_value, Relation r, Factor b, OtherValue b_value)
        : factor(a), other(b), value(static_cast<int>(a_value)), other_value(static_cast<int>(b_value)), relation(r) {}

    constexpr bool allows(int of_factor, int of_other) const {
        const bool left = of_factor == value, right = of_other == other_value;
        switch (relation) {
            case Relation::kRequires: return !left || right;
            case Relation::kExcludes: return !left || !right;
            case Relation::kExactlyWhen: return left == right;
            case Relation::kUnless: return left != right;
        }
        return false;
    }

    Factor factor, other;
    int value, other_value;
    Relation relation;
};

// The first group are the compile errors and run-time contracts of the operator; the others say which factors have no
// meaning without which.
inline constexpr Rule kRules[] = {
    {kCache, ElementType::kInt8, Relation::kUnless, kCodec, Codec::kIdentity},
    {kOutput, ElementType::kInt8, Relation::kUnless, kQuant, Quant::kPlain},
    {kQuant, Quant::kPerChannel, Relation::kExcludes, kStorage, Storage::kPaged},
    {kPadding, Padding::kLeft, Relation::kRequires, kStorage, Storage::kContiguous},
    {kStorage, Storage::kPaged, Relation::kExcludes, kPadding, Padding::kNone},
    {kStorage, Storage::kPaged, Relation::kExcludes, kLengthsKind, LengthsKind::kAbsent},

    {kCodec, Codec::kIdentity, Relation::kExactlyWhen, kScale, ElementType::kNone},
    {kCodec, Codec::kIdentity, Relation::kRequires, kOffset, Offset::kNone},
    {kStorage, Storage::kPaged, Relation::kUnless, kBlockSize, BlockSize::kNone},
    {kStorage, Storage::kPaged, Relation::kUnless, kBlockOrder, BlockOrder::kNone},
    {kPadding, Padding::kNone, Relation::kRequires, kLengthsKind, LengthsKind::kAbsent},
    {kPadding, Padding::kLeft, Relation::kUnless, kKvPadding, KvPadding::kNone},
    {kMasking, Masking::kUnmasked, Relation::kExactlyWhen, kMaskByte, MaskByte::kNone},
    {kMasking, Masking::kUnmasked, Relation::kExactlyWhen, kMaskRows, Rows::kNone},
    {kMasking, Masking::kUnmasked, Relation::kExactlyWhen, kMaskPattern, MaskPattern::kNone},
    {kBias, ElementType::kNone, Relation::kExactlyWhen, kBiasRows, Rows::kNone},
    {kBias, ElementType::kNone, Relation::kExactlyWhen, kBiasValues, BiasValues::kNone},
    {kExecutor, ExecutorKind::kInline, Relation::kExactlyWhen, kWorkers, Workers::kOne},
};

}  // namespace properties
