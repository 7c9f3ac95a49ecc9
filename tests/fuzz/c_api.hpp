// The C ABI, its arguments spoilt, those that only it has among them.
#pragma once

#include <deque>

#include "described.hpp"
#include "harness.hpp"
#include "ifa/c_api.h"

namespace fuzz {

// What only the C ABI can be told wrongly. Each is an error whatever else is.
enum class Spoilt { kNothing, kStructSize, kKeys, kValues, kExecutor, kTwoExecutors, kWorkspace };

struct PlanDeleter {
    void operator()(ifa_plan* plan) const { ifa_plan_destroy(plan); }
};

class CDoor : public Door {
   public:
    CDoor(const Call& call, Choices& choices)
        : concurrency_(call.concurrency), message_(choices.of({std::size_t{448}, std::size_t{1}, std::size_t{20}})) {
        ifa_arguments_init(&arguments_);
        set_tensors(call);
        set_scalars(call);
        if (choices.flag()) arguments_.thread_pool = pool();
        else arguments_.executor = &executor_;
        spoil(
            choices.of({Spoilt::kNothing, Spoilt::kNothing, Spoilt::kNothing, Spoilt::kNothing, Spoilt::kStructSize,
                        Spoilt::kKeys, Spoilt::kValues, Spoilt::kExecutor, Spoilt::kTwoExecutors, Spoilt::kWorkspace}),
            choices.number());
    }

    bool is_spoilt() const { return spoilt_ != Spoilt::kNothing; }

    Refusal check(const Run& run) override { return refusal(ifa_check, run); }
    Refusal attend(const Run& run) override { return refusal(ifa_incre_flash_attention, run); }
    std::size_t plan() override {
        ifa_plan* made = nullptr;
        const ifa_status status = ifa_plan_create(&arguments_, &made, message_.data(), message_.size());
        plan_.reset(made);
        expect(status == IFA_OK, "no plan of an accepted call");
        return ifa_plan_workspace_bytes(made);
    }

   private:
    using Function = ifa_status (*)(const ifa_arguments*, char*, std::size_t);
    using CTensor = Described<ifa_tensor>;

    Refusal refusal(Function function, const Run& run) {
        ifa_arguments arguments = arguments_;
        if (run.workspace.bytes > 0) arguments.workspace = run.workspace.data;
        if (run.workspace.bytes > 0) arguments.workspace_bytes = run.workspace.bytes;
        if (run.is_planned) {
            arguments.plan = plan_.get();
            arguments.actual_seq_lengths = arguments.kv_padding_size = nullptr;
        }
        const ifa_status status = function(&arguments, message_.data(), message_.size());
        expect(std::memchr(message_.data(), 0, message_.size()) != nullptr, "a message that does not end");
        expect(status == IFA_OK || (status >= IFA_TYPE_ERROR && status <= IFA_RUNTIME_ERROR), "another status");
        if (status == IFA_OK) return {};
        return {false, static_cast<ifa::ErrorKind>(status - IFA_TYPE_ERROR), message_.data()};
    }

    void set_tensors(const Call& call) {
        const ifa_tensor** const all[kRoles] = {&arguments_.query,
                                                nullptr,
                                                nullptr,
                                                &arguments_.attention_out,
                                                &arguments_.attn_mask,
                                                &arguments_.actual_seq_lengths,
                                                &arguments_.pse_shift,
                                                &arguments_.dequant_scale1,
                                                &arguments_.quant_scale1,
                                                &arguments_.dequant_scale2,
                                                &arguments_.quant_scale2,
                                                &arguments_.quant_offset2,
                                                &arguments_.antiquant_scale,
                                                &arguments_.antiquant_offset,
                                                &arguments_.block_table,
                                                &arguments_.kv_padding_size};
        for (std::size_t role = 0; role < kRoles; ++role)
            if (all[role] && !call.tensors[role].empty()) *all[role] = described(call.tensors[role][0]);
        for (const Descriptor& key : call.tensors[kKey]) keys_.push_back(described(key));
        for (const Descriptor& value : call.tensors[kValue]) values_.push_back(described(value));
        arguments_.key = keys_.data(), arguments_.key_count = keys_.size();
        arguments_.value = values_.data(), arguments_.value_count = values_.size();
    }
    const ifa_tensor* described(const Descriptor& descriptor) { return &described_.emplace_back(descriptor).tensor; }

    void set_scalars(const Call& call) {
        arguments_.num_heads = call.num_heads;
        arguments_.input_layout = call.input_layout;
        arguments_.scale_value = call.scale_value;
        arguments_.num_key_value_heads = call.num_key_value_heads;
        arguments_.block_size = call.block_size;
        arguments_.inner_precise = call.inner_precise;
        arguments_.mean_of_wholly_hidden_rows = call.mean_of_wholly_hidden_rows;
    }

    void spoil(Spoilt spoilt, Index number) {
        spoilt_ = spoilt;
        const bool no_keys = keys_.empty(), no_values = values_.empty();
        switch (spoilt) {
            case Spoilt::kStructSize: arguments_.struct_size = static_cast<std::size_t>(number); break;
            case Spoilt::kKeys: arguments_.key = nullptr; break;
            case Spoilt::kValues: arguments_.value = nullptr; break;
            case Spoilt::kExecutor: arguments_.executor = &executor_, executor_.run = nullptr; break;
            case Spoilt::kTwoExecutors: arguments_.executor = &executor_, arguments_.thread_pool = pool(); break;
            case Spoilt::kWorkspace: arguments_.workspace_bytes = static_cast<std::size_t>(number | 1); break;
            case Spoilt::kNothing: break;
        }
        const bool is_right = (spoilt == Spoilt::kStructSize && arguments_.struct_size == sizeof(ifa_arguments)) ||
                              (spoilt == Spoilt::kKeys && no_keys) || (spoilt == Spoilt::kValues && no_values);
        if (is_right) spoilt_ = Spoilt::kNothing;
    }

    static void run_reversed(void*, std::int32_t jobs, void (*body)(void*, std::int32_t), void* of) {
        for (std::int32_t job = jobs; job-- > 0;) body(of, job);
    }
    // Kept until the program ends.
    static ifa_thread_pool* pool() {
        static ifa_thread_pool* const two_threads = [] {
            ifa_thread_pool* made = nullptr;
            expect(ifa_thread_pool_create(2, &made, nullptr, 0) == IFA_OK, "no pool");
            return made;
        }();
        return two_threads;
    }

    std::deque<CTensor> described_ = {};
    std::vector<const ifa_tensor*> keys_ = {}, values_ = {};
    int concurrency_;
    ifa_executor executor_ = {nullptr, concurrency_, run_reversed};
    ifa_arguments arguments_;
    Spoilt spoilt_ = Spoilt::kNothing;
    std::unique_ptr<ifa_plan, PlanDeleter> plan_ = nullptr;
    std::vector<char> message_;
};

inline void fuzz_c_api(const std::uint8_t* bytes, std::size_t size) {
    Input input(bytes, size);
    if (!input.can_be_tried()) return;
    const DoorArguments of(input.call, as_tensor);
    CDoor door(input.call, input.choices);
    if (door.is_spoilt()) {
        ++input.call.mutations;
        expect(!door.check({}).accepted, "a call was accepted that only C can spoil");
    }
    input.run(door, of.arguments);
}

}  // namespace fuzz
