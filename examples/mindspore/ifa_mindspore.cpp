// incre_flash_attention as a custom operator of MindSpore on CPUs, and the check that ifa_mindspore.py makes before it.
//
// MindSpore hands over parallel arrays with an entry for each input and then for the output: data, number of axes,
// shape and name of the element type. A None comes as an input of type "none".
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "ifa/c_api.h"

namespace {

// The inputs, in the order of ifa_mindspore.py. Then come the tensors of key, those of value, and the output.
enum Input : std::size_t {
    kIntegers,
    kScaleValue,   // float64
    kInputLayout,  // characters up to a zero
    kQuery,
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
    kFirstKey
};

// The elements of kIntegers, int64.
enum Integer : std::size_t { kNumHeads, kNumKeyValueHeads, kBlockSize, kInnerPrecise, kKeyCount };

// A type by MindSpore's name. One that DLPack has no code for keeps a code that the library refuses.
ifa_dtype dtype_named(std::string_view name) {
    struct Named {
        std::string_view name;
        ifa_dtype dtype;
    };
    static constexpr Named kNamed[] = {
        {"bool", {6, 8, 1}},      {"int8", {0, 8, 1}},       {"int16", {0, 16, 1}},       {"int32", {0, 32, 1}},
        {"int64", {0, 64, 1}},    {"uint8", {1, 8, 1}},      {"uint16", {1, 16, 1}},      {"uint32", {1, 32, 1}},
        {"uint64", {1, 64, 1}},   {"float16", {2, 16, 1}},   {"float32", {2, 32, 1}},     {"float64", {2, 64, 1}},
        {"bfloat16", {4, 16, 1}}, {"complex64", {5, 64, 1}}, {"complex128", {5, 128, 1}},
    };
    for (const Named& named : kNamed)
        if (named.name == name) return named.dtype;
    return {255, 8, 1};
}

// What MindSpore says of a call, in the terms of the C ABI. Tensors have no gaps: MindSpore copies those that do.
class Call {
   public:
    Call(int count, void** data, const int* ndims, std::int64_t** shapes, const char** dtypes)
        : tensors_(static_cast<std::size_t>(count)), given_(tensors_.size()) {
        for (std::size_t i = 0; i < tensors_.size(); ++i) {
            constexpr ifa_device kCpu = {1, 0};
            tensors_[i] = {data[i], kCpu, ndims[i], dtype_named(dtypes[i]), shapes[i], nullptr, 0};
            given_[i] = std::string_view(dtypes[i]) == "none" ? nullptr : &tensors_[i];
        }
    }

    ifa_arguments arguments() const {
        ifa_arguments arguments;
        ifa_arguments_init(&arguments);
        set_scalars(arguments);
        set_tensors(arguments);
        set_caches(arguments);
        return arguments;
    }

   private:
    template <class T>
    const T* elements(Input input) const {
        return static_cast<const T*>(tensors_[input].data);
    }

    void set_scalars(ifa_arguments& arguments) const {
        const auto* const integers = elements<std::int64_t>(kIntegers);
        arguments.num_heads = integers[kNumHeads];
        arguments.num_key_value_heads = integers[kNumKeyValueHeads];
        arguments.block_size = integers[kBlockSize];
        arguments.inner_precise = integers[kInnerPrecise];
        arguments.scale_value = *elements<double>(kScaleValue);
        arguments.input_layout = elements<char>(kInputLayout);
    }

    void set_tensors(ifa_arguments& arguments) const {
        arguments.query = given_[kQuery];
        arguments.attn_mask = given_[kAttnMask];
        arguments.actual_seq_lengths = given_[kActualSeqLengths];
        arguments.pse_shift = given_[kPseShift];
        arguments.dequant_scale1 = given_[kDequantScale1];
        arguments.quant_scale1 = given_[kQuantScale1];
        arguments.dequant_scale2 = given_[kDequantScale2];
        arguments.quant_scale2 = given_[kQuantScale2];
        arguments.quant_offset2 = given_[kQuantOffset2];
        arguments.antiquant_scale = given_[kAntiquantScale];
        arguments.antiquant_offset = given_[kAntiquantOffset];
        arguments.block_table = given_[kBlockTable];
        arguments.kv_padding_size = given_[kKvPaddingSize];
        arguments.attention_out = given_.back();
    }

    void set_caches(ifa_arguments& arguments) const {
        const std::size_t caches = given_.size() - 1 - kFirstKey;
        arguments.key_count = static_cast<std::size_t>(elements<std::int64_t>(kIntegers)[kKeyCount]);
        arguments.key = given_.data() + kFirstKey;
        arguments.value_count = caches - arguments.key_count;
        arguments.value = arguments.key + arguments.key_count;
    }

    std::vector<ifa_tensor> tensors_;
    std::vector<const ifa_tensor*> given_;
};

using Message = char[1024];

// One pool for all calls, with a thread for each processor that this process may use.
const ifa_thread_pool* thread_pool() {
    using Pool = std::unique_ptr<ifa_thread_pool, decltype(&ifa_thread_pool_destroy)>;
    static const Pool pool = [] {
        Message message;
        ifa_thread_pool* made = nullptr;
        const auto threads = static_cast<std::int32_t>(std::thread::hardware_concurrency());
        if (ifa_thread_pool_create(threads > 0 ? threads : 1, &made, message, sizeof(message)) != IFA_OK)
            throw std::runtime_error(message);
        return Pool(made, ifa_thread_pool_destroy);
    }();
    return pool.get();
}

const char* python_class(ifa_status status) {
    switch (status) {
        case IFA_TYPE_ERROR: return "TypeError";
        case IFA_VALUE_ERROR: return "ValueError";
        case IFA_OUT_OF_MEMORY: return "MemoryError";
        default: return "RuntimeError";
    }
}

}  // namespace

// The operator. Its errors are thrown: of an exception MindSpore passes on the text, of a return code only the number.
extern "C" int incre_flash_attention(int count, void** data, int* ndims, std::int64_t** shapes, const char** dtypes,
                                     void* /*stream*/, void* /*extra*/) {
    const Call call(count, data, ndims, shapes, dtypes);
    ifa_arguments arguments = call.arguments();
    arguments.thread_pool = thread_pool();
    Message message;
    const ifa_status status = ifa_incre_flash_attention(&arguments, message, sizeof(message));
    if (status != IFA_OK) throw std::runtime_error(std::string(python_class(status)) + ": " + message);
    return 0;
}

// The error that the operator would give, as an ifa_status and a message. The output is not touched.
extern "C" int incre_flash_attention_check(int count, void** data, int* ndims, std::int64_t** shapes,
                                           const char** dtypes, char* message, std::size_t message_size) {
    const Call call(count, data, ndims, shapes, dtypes);
    const ifa_arguments arguments = call.arguments();
    return ifa_check(&arguments, message, message_size);
}
