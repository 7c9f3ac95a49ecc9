// Changes of a call that may leave nothing of the document's rules.
#pragma once

#include <limits>

#include "call.hpp"

namespace fuzz {

class Mutations {
   public:
    // As many as the next byte says: none for a third of them.
    Mutations(Choices& choices, Call& call) : choices_(choices), call_(call) {
        call_.mutations = static_cast<std::size_t>(choices_.of({0, 1, 0, 2, 1, 3}));
        for (std::size_t i = 0; i < call_.mutations; ++i) mutate();
    }

   private:
    void mutate() {
        using Mutation = void (Mutations::*)();
        constexpr Mutation kAll[] = {&Mutations::change_extent,   &Mutations::change_extent_of_twins,
                                     &Mutations::change_stride,   &Mutations::change_rank,
                                     &Mutations::change_type,     &Mutations::change_element_type,
                                     &Mutations::change_place,    &Mutations::change_presence,
                                     &Mutations::change_count,    &Mutations::change_descriptor,
                                     &Mutations::change_integer,  &Mutations::change_scale,
                                     &Mutations::change_layout,   &Mutations::change_length,
                                     &Mutations::change_block,    &Mutations::change_padding,
                                     &Mutations::change_alias,    &Mutations::change_concurrency,
                                     &Mutations::change_emptiness};
        (this->*choices_.of(kAll))();
    }

    Role role() { return static_cast<Role>(choices_.pick(kRoles)); }

    // A tensor that is there, the query if the one chosen is not.
    Descriptor& tensor() {
        std::vector<Descriptor>& chosen = call_.tensors[role()];
        const std::size_t which = choices_.byte();
        if (!chosen.empty()) return chosen[which % chosen.size()];
        if (call_.tensors[kQuery].empty()) call_.tensors[kQuery].emplace_back();
        return call_.tensors[kQuery][0];
    }
    std::size_t axis() { return choices_.pick(5); }

    void change_extent() {
        Descriptor& changed = tensor();
        const std::size_t at = axis();
        changed.shape[at] =
            choices_.flag() ? choices_.number() : Descriptor::wrapped(changed.shape[at], 1, choices_.of({1, -1}));
    }
    // Of tensors that must agree, so that more than their agreement is looked at.
    void change_extent_of_twins() {
        constexpr Role kTwins[][2] = {{kKey, kValue},
                                      {kQuery, kAttentionOut},
                                      {kAntiquantScale, kAntiquantOffset},
                                      {kQuantScale2, kQuantOffset2},
                                      {kAttnMask, kPseShift}};
        const auto& twins = kTwins[choices_.pick(std::size(kTwins))];
        const std::size_t at = axis();
        const Index extent = choices_.number();
        for (const Role twin : twins)
            for (Descriptor& changed : call_.tensors[twin]) changed.shape[at] = extent;
    }
    void change_stride() {
        Descriptor& changed = tensor();
        if (!changed.has_strides) changed.set_strides(0);
        changed.strides[axis()] = choices_.number();
    }
    void change_rank() { tensor().rank = static_cast<int>(choices_.between(-1, Descriptor::kMostAxes)); }
    void change_type() {
        using ifa::DType;
        tensor().dtype = choices_.of({DType::kFloat32, DType::kFloat16, DType::kBfloat16, DType::kInt8, DType::kUint8,
                                      DType::kBool, DType::kInt32, DType::kInt64});
    }
    void change_element_type() {
        Descriptor& changed = tensor();
        changed.dtype.code = static_cast<std::uint8_t>(choices_.byte());
        changed.dtype.bits = static_cast<std::uint8_t>(choices_.of({16, 8, 32, 1, 64, 0, 255}));
        changed.dtype.lanes = static_cast<std::uint16_t>(choices_.of({1, 0, 2, 65535}));
    }
    void change_place() {
        Descriptor& changed = tensor();
        switch (choices_.pick(4)) {
            case 0: changed.is_null = true; break;
            case 1: changed.device = static_cast<std::int32_t>(choices_.number()); break;
            case 2: changed.misalignment = choices_.pick(kBoundary); break;
            default: changed.byte_offset = choices_.byte(); break;
        }
    }
    void change_presence() {
        std::vector<Descriptor>& changed = call_.tensors[role()];
        const std::size_t like = role();
        if (changed.empty()) changed = call_.tensors[like];
        else changed.clear();
    }
    void change_count() {
        std::vector<Descriptor>& changed = call_.tensors[choices_.of({kKey, kValue})];
        if (choices_.flag() || changed.empty()) changed.push_back(tensor());
        else changed.pop_back();
    }
    void change_descriptor() {
        Descriptor& changed = tensor();
        changed = tensor();
    }
    void change_integer() {
        Index* const all[] = {&call_.num_heads, &call_.num_key_value_heads, &call_.block_size, &call_.inner_precise,
                              &call_.chunk_tokens};
        *choices_.of(all) = choices_.number();
    }
    void change_scale() {
        using Limits = std::numeric_limits<double>;
        call_.scale_value = choices_.of({Limits::quiet_NaN(), Limits::infinity(), -Limits::infinity(), Limits::max(),
                                         Limits::denorm_min(), -0.0, 1e30, 1e-30});
    }
    void change_layout() {
        call_.input_layout = choices_.of<const char*>({"BSH", "BNSD", "BSND", "TND", "", "bsh", "BSHD", nullptr});
    }
    void change_length() { call_.lengths[choices_.pick(call_.lengths.size())] = choices_.number(); }
    void change_block() {
        const std::size_t at = choices_.byte();
        if (!call_.block_table.empty()) call_.block_table[at % call_.block_table.size()] = choices_.number();
    }
    void change_padding() { call_.kv_padding = choices_.number(); }
    void change_alias() {
        call_.alias.alias = role();
        call_.alias.of = role();
        call_.alias.bytes = choices_.byte() * static_cast<std::size_t>(choices_.of({1, 2, 16, 64}));
    }
    void change_concurrency() { call_.concurrency = static_cast<int>(choices_.between(-1, 64)); }
    // A cache of no tokens or blocks, whose other extents and strides are anything.
    void change_emptiness() {
        const std::size_t at = axis(), other = axis();
        const Index extent = choices_.number(), stride = choices_.number();
        const bool is_stride = choices_.flag();
        for (const Role twin : {kKey, kValue})
            for (Descriptor& changed : call_.tensors[twin]) {
                if (!changed.has_strides) changed.set_strides(0);
                if (is_stride) changed.strides[other] = stride;
                else changed.shape[other] = extent;
                changed.shape[at] = 0;
            }
    }

    static constexpr std::size_t kBoundary = 64;

    Choices& choices_;
    Call& call_;
};

}  // namespace fuzz
