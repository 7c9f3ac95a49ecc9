// Gives the tensors of a call memory of exactly the extent they claim, and fills it.
#pragma once

#include <cmath>
#include <functional>
#include <optional>

#include "call.hpp"
#include "ifa/dynamic/arguments.hpp"
#include "memory.hpp"
#include "properties/support/element.hpp"

namespace fuzz {

using properties::ElementType;

inline ElementType element_type(const ifa::DType& dtype) {
    if (dtype == ifa::DType::kFloat32) return ElementType::kFloat32;
    if (dtype == ifa::DType::kFloat16) return ElementType::kFloat16;
    if (dtype == ifa::DType::kBfloat16) return ElementType::kBfloat16;
    return ElementType::kInt8;
}

// What the elements of a tensor are like.
enum class Content { kBell, kWithMean, kTiny, kLarge, kBias, kScale, kOffset, kPostScale };

// Some thousand elements, made once.
class Pattern {
   public:
    static const Pattern& of(ElementType type, Content content) {
        static std::optional<Pattern> all[kTypes][kContents];
        std::optional<Pattern>& pattern = all[static_cast<std::size_t>(type)][static_cast<std::size_t>(content)];
        if (!pattern) pattern = Pattern(type, content);
        return *pattern;
    }

    // Repeats them over memory, from any element on.
    void copy_to(std::byte* to, std::size_t bytes, std::size_t first) const {
        std::size_t at = first % kElements * (bytes_.size() / kElements);
        for (std::size_t run; bytes > 0; bytes -= run, to += run, at = 0) {
            run = std::min(bytes, bytes_.size() - at);
            std::memcpy(to, bytes_.data() + at, run);
        }
    }

   private:
    static constexpr std::size_t kElements = 4093;
    static constexpr std::size_t kTypes = static_cast<std::size_t>(ElementType::kInt8) + 1;
    static constexpr std::size_t kContents = static_cast<std::size_t>(Content::kPostScale) + 1;

    Pattern(ElementType type, Content content) : bytes_(kElements * properties::size_of(type)) {
        for (std::size_t i = 0; i < kElements; ++i)
            properties::store(type, number(type, content, properties::mix(i)),
                              bytes_.data() + i * properties::size_of(type));
    }

    static double number(ElementType type, Content content, std::uint64_t bits) {
        if (type == ElementType::kInt8) return properties::value_of_bits(type, bits);
        const double bell = properties::value_of_bits(ElementType::kFloat32, bits);
        switch (content) {
            case Content::kWithMean: return bell + 0.5;
            case Content::kTiny: return bell * 0x1p-16;
            case Content::kLarge: return bell * 0x1p10;
            case Content::kBias: return bits % 5 == 0 ? -std::numeric_limits<double>::infinity() : bell * 4;
            case Content::kScale: return (1 + std::abs(bell)) / 64;
            case Content::kOffset: return bell * 4;
            case Content::kPostScale: return 16 + std::abs(bell) * 32;
            default: return bell;
        }
    }

    std::vector<std::byte> bytes_;
};

class Staging {
   public:
    // Memory of so many bytes at a distance from a boundary.
    using Take = std::function<std::byte*(std::size_t bytes, std::size_t misalignment)>;

    Staging(Call& call, const Take& take, std::size_t most_bytes_of_a_tensor)
        : call_(call), take_(take), most_bytes_(most_bytes_of_a_tensor) {
        for (std::size_t role = 0; role < kRoles; ++role)
            for (Descriptor& tensor : call_.tensors[role]) give_memory(static_cast<Role>(role), tensor);
        make_alias();
    }

    // Every tensor has the memory it claims.
    bool is_backed() const { return is_backed_; }
    // Not so, and a check of what the call claims could read beyond it, or look at it for long.
    bool claims_too_much() const { return !is_backed_ && claims_too_much_; }

   private:
    static constexpr Index kUnknown = -1;

    // Bytes from the first element to the last; unknown where the claim makes no sense.
    static Index claimed_bytes(const Descriptor& tensor) {
        if (tensor.rank < 0) return kUnknown;
        Index elements = 1, dense = 1, step = 0;
        bool overflow = false, empty = false;
        for (int i = tensor.rank - 1; i >= 0; --i) {
            const auto axis = static_cast<std::size_t>(i);
            const Index extent = tensor.shape[axis], stride = tensor.has_strides ? tensor.strides[axis] : dense;
            empty = empty || extent == 0;
            if (extent < 0 || (stride < 0 && extent > 1)) return kUnknown;
            overflow = overflow || __builtin_mul_overflow(extent - 1, extent > 1 ? stride : 0, &step) ||
                       __builtin_add_overflow(elements, step, &elements) ||
                       __builtin_mul_overflow(dense, extent, &dense);
        }
        if (empty) return 0;
        Index bytes = 0;
        overflow = overflow || __builtin_mul_overflow(elements, tensor.dtype.bytes(), &bytes);
        return overflow ? kUnknown : bytes;
    }

    void give_memory(Role role, Descriptor& tensor) {
        const Index claimed = claimed_bytes(tensor);
        const bool fits = claimed >= 0 && static_cast<std::size_t>(claimed) <= most_bytes_;
        const bool read_by_check = role == kActualSeqLengths || role == kBlockTable || role == kKvPaddingSize;
        is_backed_ = is_backed_ && fits;
        if (claimed > 0 && !fits) claims_too_much_ = claims_too_much_ || read_by_check;
        for (int i = 0; i < tensor.rank; ++i)
            if (tensor.shape[static_cast<std::size_t>(i)] > 4096 && role == kQuery) claims_too_much_ = true;
        tensor.bytes = fits ? static_cast<std::size_t>(claimed) : 0;
        const std::size_t lead = call_.misalignments[role] * static_cast<std::size_t>(tensor.dtype.bytes());
        tensor.data = take_(tensor.byte_offset + tensor.bytes, (tensor.misalignment + lead) % Memory::kRedZone);
        fill(role, tensor, {tensor.data + tensor.byte_offset, tensor.bytes});
    }

    void fill(Role role, const Descriptor& tensor, const Region& at) const {
        switch (role) {
            case kActualSeqLengths: return fill_integers(call_.lengths, tensor.dtype, at);
            case kBlockTable: return fill_integers(call_.block_table, tensor.dtype, at);
            case kKvPaddingSize: return fill_integers({call_.kv_padding}, tensor.dtype, at);
            case kAttnMask: return fill_mask(tensor.dtype == ifa::DType::kBool, at);
            case kAttentionOut: return;
            default:
                Pattern::of(element_type(tensor.dtype), content_of(role))
                    .copy_to(at.data, at.bytes, call_.seed * 37 + role * 101);
        }
    }

    Content content_of(Role role) const {
        constexpr Content kValues[] = {Content::kBell, Content::kWithMean, Content::kTiny, Content::kLarge};
        switch (role) {
            case kValue: return kValues[static_cast<std::size_t>(call_.values)];
            case kPseShift: return call_.removes_tokens ? Content::kBias : Content::kBell;
            case kAntiquantScale: return Content::kScale;
            case kQuantScale2: return Content::kPostScale;
            case kAntiquantOffset:
            case kQuantOffset2: return Content::kOffset;
            default: return Content::kBell;
        }
    }

    static void fill_integers(const std::vector<Index>& values, const ifa::DType& dtype, const Region& at) {
        const std::size_t size = dtype == ifa::DType::kInt32 ? 4 : 8;
        for (std::size_t i = 0; !values.empty() && (i + 1) * size <= at.bytes; ++i) {
            const Index value = values[i % values.size()];
            const auto narrow = static_cast<std::int32_t>(value);
            std::memcpy(at.data + i * size, size == 4 ? static_cast<const void*>(&narrow) : &value, size);
        }
    }

    void fill_mask(bool is_bool, const Region& at) const {
        constexpr std::uint64_t kHiddenOf8[] = {2, 7, 8, 0};
        for (std::size_t i = 0; i < at.bytes; ++i) {
            const std::uint64_t bits = properties::mix(i + (call_.seed << 20));
            const bool hidden = bits % 8 < kHiddenOf8[static_cast<std::size_t>(call_.hiding)];
            const auto byte = static_cast<std::byte>(is_bool ? 1 : bits >> 8 | 1);
            at.data[i] = hidden ? byte : std::byte{0};
        }
    }

    // The first tensor of a role moves into the memory of another's, if it fits.
    void make_alias() {
        if (call_.alias.alias == kRoles) return;
        auto &alias = call_.tensors[call_.alias.alias], &of = call_.tensors[call_.alias.of];
        if (alias.empty() || of.empty()) return;
        if (call_.alias.bytes + alias[0].byte_offset + alias[0].bytes > of[0].byte_offset + of[0].bytes) return;
        alias[0].data = of[0].data + call_.alias.bytes;
    }

    Call& call_;
    const Take& take_;
    std::size_t most_bytes_;
    bool is_backed_ = true;
    bool claims_too_much_ = false;
};

inline ifa::Tensor as_tensor(const Descriptor& d) {
    return {d.is_null ? nullptr : d.data + d.byte_offset, d.dtype, ifa::Axes(d.shape.data(), d.rank),
            d.has_strides ? ifa::Axes(d.strides.data(), d.rank) : ifa::Axes(), static_cast<ifa::Device>(d.device)};
}

// The arguments of the run-time door, of tensors made by `convert` from descriptors.
class DoorArguments {
   public:
    template <class Convert>
    DoorArguments(const Call& call, const Convert& convert) {
        const auto one = [&](Role role) {
            return call.tensors[role].empty() ? ifa::Tensor() : convert(call.tensors[role][0]);
        };
        for (const Descriptor& key : call.tensors[kKey]) keys_.push_back(convert(key));
        for (const Descriptor& value : call.tensors[kValue]) values_.push_back(convert(value));
        arguments = {.query = one(kQuery),
                     .key = keys_,
                     .value = values_,
                     .attention_out = one(kAttentionOut),
                     .attn_mask = one(kAttnMask),
                     .actual_seq_lengths = one(kActualSeqLengths),
                     .pse_shift = one(kPseShift),
                     .dequant_scale1 = one(kDequantScale1),
                     .quant_scale1 = one(kQuantScale1),
                     .dequant_scale2 = one(kDequantScale2),
                     .quant_scale2 = one(kQuantScale2),
                     .quant_offset2 = one(kQuantOffset2),
                     .antiquant_scale = one(kAntiquantScale),
                     .antiquant_offset = one(kAntiquantOffset),
                     .block_table = one(kBlockTable),
                     .num_heads = call.num_heads,
                     .input_layout = call.input_layout,
                     .scale_value = call.scale_value,
                     .num_key_value_heads = call.num_key_value_heads,
                     .block_size = call.block_size,
                     .inner_precise = call.inner_precise,
                     .kv_padding_size = one(kKvPaddingSize),
                     .chunk_tokens = call.chunk_tokens,
                     .wholly_hidden_rows = call.mean_of_wholly_hidden_rows ? ifa::WhollyHiddenRows::kMeanOfValues
                                                                           : ifa::WhollyHiddenRows::kZeros};
    }
    DoorArguments(const DoorArguments&) = delete;
    DoorArguments& operator=(const DoorArguments&) = delete;

    ifa::Arguments arguments = {};

   private:
    std::vector<ifa::Tensor> keys_ = {}, values_ = {};
};

}  // namespace fuzz
