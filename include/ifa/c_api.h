/* The C ABI of ifa: the document's signature over DLPack's tensors, for whoever loads a shared library.
 *
 * Every function is thread-safe. None lets an exception out: what can fail returns an ifa_status and, if `message` is
 * not null, leaves a message of at most `message_size` bytes, terminated. See ifa/dynamic/arguments.hpp for shapes and
 * types. */
#ifndef IFA_C_API_H
#define IFA_C_API_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum ifa_status {
    IFA_OK = 0,
    IFA_TYPE_ERROR = 1,
    IFA_VALUE_ERROR = 2,
    IFA_RUNTIME_ERROR = 3,
    IFA_OUT_OF_MEMORY = 4,
    IFA_UNKNOWN_ERROR = 5
} ifa_status;

typedef struct ifa_device {
    int32_t device_type; /* 1: the CPU; others are refused */
    int32_t device_id;
} ifa_device;

typedef struct ifa_dtype {
    uint8_t code; /* 0 int, 1 uint, 2 float, 4 bfloat, 6 bool */
    uint8_t bits;
    uint16_t lanes; /* 1 */
} ifa_dtype;

/* Laid out as DLPack's DLTensor: a pointer to one is a pointer to the other. */
typedef struct ifa_tensor {
    void* data;
    ifa_device device;
    int32_t ndim;
    ifa_dtype dtype;
    const int64_t* shape;
    const int64_t* strides; /* in elements; null: row-major without gaps */
    uint64_t byte_offset;
} ifa_tensor;

/* Runs body(body_context, job) for every job in [0, jobs), jobs <= concurrency, and returns when all have ended. */
typedef struct ifa_executor {
    void* context;
    int32_t concurrency;
    void (*run)(void* context, int32_t jobs, void (*body)(void* body_context, int32_t job), void* body_context);
} ifa_executor;

typedef struct ifa_thread_pool ifa_thread_pool;
typedef struct ifa_plan ifa_plan;

/* The parameters of mindspore.ops.incre_flash_attention by name; null is None. Made by ifa_arguments_init, which sets
 * the defaults. Later versions add members at the end; struct_size tells which the caller knows. */
typedef struct ifa_arguments {
    size_t struct_size;
    const ifa_tensor* query;
    const ifa_tensor* const* key; /* key_count tensors: 1, or the batch */
    size_t key_count;
    const ifa_tensor* const* value;
    size_t value_count;
    const ifa_tensor* attention_out;
    const ifa_tensor* attn_mask;
    const ifa_tensor* actual_seq_lengths;
    const ifa_tensor* pse_shift;
    const ifa_tensor* dequant_scale1;
    const ifa_tensor* quant_scale1;
    const ifa_tensor* dequant_scale2;
    const ifa_tensor* quant_scale2;
    const ifa_tensor* quant_offset2;
    const ifa_tensor* antiquant_scale;
    const ifa_tensor* antiquant_offset;
    const ifa_tensor* block_table;
    int64_t num_heads;        /* 1 */
    const char* input_layout; /* "BSH" */
    double scale_value;       /* 1.0 */
    int64_t num_key_value_heads;
    int64_t block_size;
    int64_t inner_precise; /* 1 */
    const ifa_tensor* kv_padding_size;

    /* Beyond the document. */
    const ifa_plan* plan; /* replaces actual_seq_lengths and kv_padding_size */
    void* workspace;      /* of workspace_bytes, for one call at a time; null: the call allocates */
    size_t workspace_bytes;
    const ifa_executor* executor;       /* null and no thread_pool: the calling thread */
    const ifa_thread_pool* thread_pool; /* at most one of executor and thread_pool */
    int32_t mean_of_wholly_hidden_rows; /* non-zero: as the hardware operator; 0: zeros */
} ifa_arguments;

static inline void ifa_arguments_init(ifa_arguments* arguments) {
    memset(arguments, 0, sizeof(*arguments));
    arguments->struct_size = sizeof(*arguments);
    arguments->num_heads = 1;
    arguments->input_layout = "BSH";
    arguments->scale_value = 1.0;
    arguments->inner_precise = 1;
}

/* Computes one decode step into attention_out, which is as it was after an error. */
ifa_status ifa_incre_flash_attention(const ifa_arguments* arguments, char* message, size_t message_size);

/* The error that call would give. */
ifa_status ifa_check(const ifa_arguments* arguments, char* message, size_t message_size);

/* Lays out a decode step once, for the calls of all layers, with the arguments of any of them. */
ifa_status ifa_plan_create(const ifa_arguments* arguments, ifa_plan** plan, char* message, size_t message_size);
size_t ifa_plan_workspace_bytes(const ifa_plan* plan);
void ifa_plan_destroy(ifa_plan* plan);

/* A pool of `threads` threads, the calling one of each call among them. It may serve any number of calls at once. */
ifa_status ifa_thread_pool_create(int32_t threads, ifa_thread_pool** pool, char* message, size_t message_size);
void ifa_thread_pool_destroy(ifa_thread_pool* pool);

/* 10000 * major + 100 * minor + patch of the library that was loaded. */
int32_t ifa_version(void);
/* The kernels that this machine runs: "avx512", "avx2", "neon" or "portable". */
const char* ifa_isa(void);

#ifdef __cplusplus
}
#endif

#endif
