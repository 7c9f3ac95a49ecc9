// Defines the functions of c_api.h. Included by one unit of a shared library, beside a unit of unit.hpp for each
// instruction set; `ifa_add_c_library` of the CMake package makes both.
#pragma once

#include <future>
#include <memory>
#include <new>
#include <thread>
#include <unsupported/Eigen/CXX11/ThreadPool>
#include <vector>

#include "../dlpack.hpp"
#include "../executor.hpp"
#include "kernels.hpp"

struct ifa_plan {
    ifa::Plan plan;
};

struct ifa_thread_pool {
    explicit ifa_thread_pool(int threads) : workers(threads - 1) {}

    Eigen::ThreadPool workers;
    ifa_executor executor{this, workers.NumThreads() + 1,
                          [](void* context, std::int32_t jobs, void (*body)(void*, std::int32_t), void* of) {
                              auto* const self = static_cast<ifa_thread_pool*>(context);
                              ifa::EigenPool(self->workers).run(jobs, [=](int job) { body(of, job); });
                          }};
};

namespace ifa::c_api {

template <class... Pieces>
void expect(bool holds, ErrorKind kind, const char* format, Pieces... pieces) {
    Contracts contracts;
    if (!holds) contracts.fail(kind, format, pieces...);
    raise(contracts.result());
}

// That so many threads can run here. Eigen's pool waits forever for those it could not start.
inline void expect_threads(std::int32_t threads) {
    constexpr std::int32_t kMost = 4096;
    expect(threads >= 1 && threads <= kMost, ErrorKind::kRuntime, "threads: expected 1 to {}, got {}", kMost, threads);
    std::promise<void> all_started;
    const std::shared_future<void> until = all_started.get_future().share();
    std::vector<std::jthread> started;
    try {
        for (std::int32_t i = 1; i < threads; ++i) started.emplace_back([until] { until.wait(); });
    } catch (const std::system_error&) {
        all_started.set_value();
        expect(false, ErrorKind::kRuntime, "threads: expected as many as this system can start, got {}", threads);
    }
    all_started.set_value();
}

// A list of tensors as the run-time door takes it: a single one is kept in place.
class Tensors {
   public:
    Tensors(const char* name, const ifa_tensor* const* tensors, std::size_t count)
        : many_(count > 1 ? new Tensor[count] : nullptr) {
        if (!tensors && count > 0) throw RuntimeError(name);
        for (std::size_t i = 0; i < count; ++i)
            (many_ ? many_[i] : one_) = tensors[i] ? from_dlpack(*tensors[i]) : Tensor();
        if (many_) list_ = Span<const Tensor>(many_.get(), static_cast<Index>(count));
        else if (count == 1) list_ = one_;
    }

    const TensorList& list() const { return list_; }

   private:
    Tensor one_ = {};
    std::unique_ptr<Tensor[]> many_;
    TensorList list_ = {};
};

// What a call of the C ABI says, with what it borrows.
class Call {
   public:
    explicit Call(const ifa_arguments& a)
        : key_("key: expected tensors, got a null pointer", a.key, a.key_count),
          value_("value: expected tensors, got a null pointer", a.value, a.value_count),
          executor_(executor_of(a)) {
        arguments_ = {.query = optional(a.query),
                      .key = key_.list(),
                      .value = value_.list(),
                      .attention_out = optional(a.attention_out),
                      .attn_mask = optional(a.attn_mask),
                      .actual_seq_lengths = optional(a.actual_seq_lengths),
                      .pse_shift = optional(a.pse_shift),
                      .dequant_scale1 = optional(a.dequant_scale1),
                      .quant_scale1 = optional(a.quant_scale1),
                      .dequant_scale2 = optional(a.dequant_scale2),
                      .quant_scale2 = optional(a.quant_scale2),
                      .quant_offset2 = optional(a.quant_offset2),
                      .antiquant_scale = optional(a.antiquant_scale),
                      .antiquant_offset = optional(a.antiquant_offset),
                      .block_table = optional(a.block_table),
                      .num_heads = a.num_heads,
                      .input_layout = a.input_layout,
                      .scale_value = a.scale_value,
                      .num_key_value_heads = a.num_key_value_heads,
                      .block_size = a.block_size,
                      .inner_precise = a.inner_precise,
                      .kv_padding_size = optional(a.kv_padding_size),
                      .plan = a.plan ? &a.plan->plan : nullptr,
                      .workspace = {static_cast<std::byte*>(a.workspace), static_cast<Index>(a.workspace_bytes)},
                      .wholly_hidden_rows =
                          a.mean_of_wholly_hidden_rows ? WhollyHiddenRows::kMeanOfValues : WhollyHiddenRows::kZeros};
        if (!a.workspace && a.workspace_bytes > 0)
            throw RuntimeError("workspace: expected memory of workspace_bytes, got a null pointer");
    }

    const Arguments& arguments() const { return arguments_; }
    const ifa_executor& executor() const { return executor_; }

   private:
    static Tensor optional(const ifa_tensor* tensor) { return tensor ? from_dlpack(*tensor) : Tensor(); }

    static ifa_executor executor_of(const ifa_arguments& a) {
        if (a.executor && a.thread_pool) throw RuntimeError("executor: expected none beside a thread_pool, got both");
        if (a.executor && !a.executor->run) throw RuntimeError("executor: expected a function run, got a null pointer");
        if (a.executor) return *a.executor;
        if (a.thread_pool) return a.thread_pool->executor;
        return {nullptr, 1, [](void*, std::int32_t jobs, void (*body)(void*, std::int32_t), void* of) {
                    for (std::int32_t job = 0; job < jobs; ++job) body(of, job);
                }};
    }

    Tensors key_, value_;
    ifa_executor executor_;
    Arguments arguments_;
};

inline ifa_status say(ifa_status status, const char* text, char* message, std::size_t size) {
    if (message && size > 0) std::snprintf(message, size, "%s", text);
    return status;
}

// Runs `body`, and turns what it throws into a status and a message.
template <class Body>
ifa_status guarded(char* message, std::size_t size, const Body& body) noexcept {
    try {
        body();
        return say(IFA_OK, "", message, size);
    } catch (const TypeError& error) {
        return say(IFA_TYPE_ERROR, error.what(), message, size);
    } catch (const ValueError& error) {
        return say(IFA_VALUE_ERROR, error.what(), message, size);
    } catch (const RuntimeError& error) {
        return say(IFA_RUNTIME_ERROR, error.what(), message, size);
    } catch (const std::bad_alloc&) {
        return say(IFA_OUT_OF_MEMORY, "out of memory", message, size);
    } catch (const std::exception& error) {
        return say(IFA_UNKNOWN_ERROR, error.what(), message, size);
    } catch (...) {
        return say(IFA_UNKNOWN_ERROR, "an exception that is no std::exception", message, size);
    }
}

// The same for what takes arguments; body(call).
template <class Body>
ifa_status with_call(const ifa_arguments* arguments, char* message, std::size_t size, const Body& body) noexcept {
    return guarded(message, size, [&] {
        if (!arguments) throw RuntimeError("arguments: expected ifa_arguments, got a null pointer");
        expect(arguments->struct_size == sizeof(ifa_arguments), ErrorKind::kRuntime,
               "struct_size: expected {} (set by ifa_arguments_init), got {}",
               static_cast<Index>(sizeof(ifa_arguments)), static_cast<Index>(arguments->struct_size));
        body(Call(*arguments));
    });
}

}  // namespace ifa::c_api

extern "C" {

ifa_status ifa_incre_flash_attention(const ifa_arguments* arguments, char* message, size_t message_size) {
    return ifa::c_api::with_call(arguments, message, message_size, [](const ifa::c_api::Call& call) {
        ifa::c_api::kernels().incre_flash_attention(call.arguments(), call.executor());
    });
}

ifa_status ifa_check(const ifa_arguments* arguments, char* message, size_t message_size) {
    return ifa::c_api::with_call(arguments, message, message_size, [](const ifa::c_api::Call& call) {
        ifa::raise(ifa::c_api::kernels().check(call.arguments(), call.executor()));
    });
}

ifa_status ifa_plan_create(const ifa_arguments* arguments, ifa_plan** plan, char* message, size_t message_size) {
    return ifa::c_api::with_call(arguments, message, message_size, [&](const ifa::c_api::Call& call) {
        if (!plan) throw ifa::RuntimeError("plan: expected where to put it, got a null pointer");
        *plan = new ifa_plan{ifa::c_api::kernels().plan(call.arguments(), call.executor())};
    });
}

size_t ifa_plan_workspace_bytes(const ifa_plan* plan) {
    return plan ? plan->plan.workspace_bytes() : 0;
}

void ifa_plan_destroy(ifa_plan* plan) {
    delete plan;
}

ifa_status ifa_thread_pool_create(int32_t threads, ifa_thread_pool** pool, char* message, size_t message_size) {
    return ifa::c_api::guarded(message, message_size, [&] {
        if (!pool) throw ifa::RuntimeError("pool: expected where to put it, got a null pointer");
        ifa::c_api::expect_threads(threads);
        *pool = new ifa_thread_pool(threads);
    });
}

void ifa_thread_pool_destroy(ifa_thread_pool* pool) {
    delete pool;
}

int32_t ifa_version(void) {
    return IFA_VERSION;
}

const char* ifa_isa(void) {
    return name(ifa::best_isa());
}

}  // extern "C"
