// A call of the operator before it has memory: what its tensors are said to be, and what decides their contents.
#pragma once

#include <algorithm>
#include <array>
#include <initializer_list>
#include <vector>

#include "choices.hpp"
#include "ifa/tensor.hpp"

namespace fuzz {

// The tensors of the document's signature, by name.
enum Role : std::size_t {
    kQuery,
    kKey,
    kValue,
    kAttentionOut,
    kAttnMask,
    kActualSeqLengths,
    kPseShift,
    kDequantScale1,
    kQuantScale1,
    kDequantScale2,
    kQuantScale2,
    kQuantOffset2,
    kAntiquantScale,
    kAntiquantOffset,
    kBlockTable,
    kKvPaddingSize,
    kRoles
};

// The members of a DLTensor, but for the memory.
struct Descriptor {
    static constexpr int kMostAxes = 8;

    Descriptor() = default;
    Descriptor(ifa::DType type, std::initializer_list<Index> extents)
        : dtype(type), rank(static_cast<int>(extents.size())) {
        std::copy(extents.begin(), extents.end(), shape.begin());
    }

    // a * b + c modulo 2^64.
    static Index wrapped(Index a, Index b, Index c) {
        return static_cast<Index>(static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(b) +
                                  static_cast<std::uint64_t>(c));
    }
    // Row-major strides with gaps between the rows of each axis.
    void set_strides(Index gap) {
        has_strides = true;
        Index stride = 1;
        for (int i = rank - 1; i >= 0; --i) {
            strides[static_cast<std::size_t>(i)] = stride;
            stride = wrapped(stride, shape[static_cast<std::size_t>(i)], gap);
        }
    }

    ifa::DType dtype = {};
    int rank = 0;
    std::array<Index, kMostAxes> shape = {}, strides = {};
    bool has_strides = false;
    bool is_null = false;
    std::int32_t device = 1;
    std::uint64_t byte_offset = 0;
    std::size_t misalignment = 0;  // of the memory, in bytes, beside that of its role
    std::byte* data = nullptr;     // set by Staging, with
    std::size_t bytes = 0;         // what there is behind byte_offset
};

enum class Values { kNormal, kWithMean, kTiny, kLarge };
enum class Hiding { kSome, kMost, kAll, kNone };
enum class Workspace { kOwn, kExact, kShort, kInOutput };

struct Call {
    std::array<std::vector<Descriptor>, kRoles> tensors = {};  // one each; none where absent; key and value any number

    Index num_heads = 1;
    const char* input_layout = "BSH";
    double scale_value = 1;
    Index num_key_value_heads = 0;
    Index block_size = 0;
    Index inner_precise = 1;
    Index chunk_tokens = ifa::kDefaultChunkTokens;
    bool mean_of_wholly_hidden_rows = false;

    // What the tensors of integers hold.
    std::vector<Index> lengths = {};
    std::vector<Index> block_table = {};
    Index kv_padding = 0;

    std::array<std::size_t, kRoles> misalignments = {};  // of the memory, in elements

    // What the others hold.
    std::size_t seed = 0;
    Values values = Values::kNormal;
    Hiding hiding = Hiding::kSome;
    bool removes_tokens = false;  // the bias has infinities

    // How the call is run.
    bool is_planned = false;
    Workspace workspace = Workspace::kOwn;
    std::size_t workspace_misalignment = 0;
    int concurrency = 1;

    // `alias` lies in the memory of `of`, behind its first bytes.
    struct Alias {
        Role alias = kRoles;
        Role of = kRoles;
        std::size_t bytes = 0;
    };
    Alias alias = {};

    std::size_t mutations = 0;
};

}  // namespace fuzz
