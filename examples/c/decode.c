/* A decode step in C99: three sequences over one float32 cache, planned once, on two threads, and held against the
 * formula in double; then a call that is wrong, and what the library says to it. */
#include <ifa/c_api.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { B = 3, N = 8, KV_N = 2, S = 500, D = 64, THREADS = 2 };

static const int64_t kLengths[B] = {500, 1, 137};
static const double kBound = 2e-6;

/* Layout BSH. */
static float query[B][N][D];
static float key[B][S][KV_N][D];
static float value[B][S][KV_N][D];
static float attention_out[B][N][D];

/* In [-2, 2], the same everywhere: the upper bits of a linear congruential generator. */
static float next_random(void) {
    static uint64_t state = 1;
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (float)(state >> 40) / (float)(1 << 22) - 2.0f;
}

static void fill_row(float row[D], int is_read) {
    for (int d = 0; d < D; ++d) row[d] = is_read ? next_random() : NAN;
}

/* What lies beyond a sequence's length is never read, nor is the output: NaN would show if it were. */
static void fill(void) {
    for (int b = 0; b < B; ++b) {
        for (int n = 0; n < N; ++n) {
            fill_row(query[b][n], 1);
            fill_row(attention_out[b][n], 0);
        }
        for (int j = 0; j < S; ++j)
            for (int k = 0; k < KV_N; ++k) {
                fill_row(key[b][j][k], j < kLengths[b]);
                fill_row(value[b][j][k], j < kLengths[b]);
            }
    }
}

/* The scaled scores of a row, and the largest of them. */
static double scores_of(int b, int n, double scale, double scores[S]) {
    double largest = -INFINITY;
    for (int j = 0; j < kLengths[b]; ++j) {
        scores[j] = 0;
        for (int d = 0; d < D; ++d) scores[j] += scale * query[b][n][d] * key[b][j][n / (N / KV_N)][d];
        largest = fmax(largest, scores[j]);
    }
    return largest;
}

/* Softmax of the scores, times the values. */
static void exact_row(int b, int n, double scale, double row[D]) {
    double scores[S], sum = 0;
    const double largest = scores_of(b, n, scale, scores);
    for (int d = 0; d < D; ++d) row[d] = 0;
    for (int j = 0; j < kLengths[b]; ++j) {
        const double weight = exp(scores[j] - largest);
        sum += weight;
        for (int d = 0; d < D; ++d) row[d] += weight * value[b][j][n / (N / KV_N)][d];
    }
    for (int d = 0; d < D; ++d) row[d] /= sum;
}

/* The largest || attention_out - exact || / || exact || of a row. */
static double worst_error(double scale) {
    double worst = 0;
    for (int b = 0; b < B; ++b)
        for (int n = 0; n < N; ++n) {
            double row[D], difference = 0, norm = 0;
            exact_row(b, n, scale, row);
            for (int d = 0; d < D; ++d) {
                difference += pow(attention_out[b][n][d] - row[d], 2);
                norm += row[d] * row[d];
            }
            const double error = sqrt(difference / norm);
            if (!(error <= worst)) worst = isnan(error) ? INFINITY : error;
        }
    return worst;
}

/* A tensor of float32 or int64, row-major without gaps. */
static ifa_tensor tensor(const void* data, int code, int bits, int axes, const int64_t* shape) {
    ifa_tensor result = {0};
    result.data = (void*)data;
    result.device.device_type = 1;
    result.dtype.code = (uint8_t)code;
    result.dtype.bits = (uint8_t)bits;
    result.dtype.lanes = 1;
    result.ndim = axes;
    result.shape = shape;
    return result;
}

static void expect_ok(ifa_status status, const char* message) {
    if (status == IFA_OK) return;
    fprintf(stderr, "decode: %s\n", message);
    exit(EXIT_FAILURE);
}

/* Lays the step out once and runs it; a model would run it for each of its layers. */
static void decode(ifa_arguments arguments) {
    char message[512];
    ifa_thread_pool* threads = NULL;
    ifa_plan* plan = NULL;
    expect_ok(ifa_thread_pool_create(THREADS, &threads, message, sizeof(message)), message);
    arguments.thread_pool = threads;
    expect_ok(ifa_plan_create(&arguments, &plan, message, sizeof(message)), message);

    arguments.actual_seq_lengths = NULL; /* the plan knows them */
    arguments.plan = plan;
    arguments.workspace_bytes = ifa_plan_workspace_bytes(plan);
    arguments.workspace = malloc(arguments.workspace_bytes);
    expect_ok(ifa_incre_flash_attention(&arguments, message, sizeof(message)), message);

    free(arguments.workspace);
    ifa_plan_destroy(plan);
    ifa_thread_pool_destroy(threads);
}

/* Whether a call with 7 heads is refused: they cannot share 512 channels. */
static int refuses_seven_heads(ifa_arguments arguments) {
    char message[512];
    arguments.num_heads = 7;
    const ifa_status status = ifa_check(&arguments, message, sizeof(message));
    printf("a call with 7 heads: status %d, \"%s\"\n", (int)status, message);
    return status == IFA_VALUE_ERROR;
}

int main(void) {
    static const int64_t kQueryShape[3] = {B, 1, N * D}, kCacheShape[3] = {B, S, KV_N * D}, kLengthsShape[1] = {B};
    const ifa_tensor q = tensor(query, 2, 32, 3, kQueryShape), out = tensor(attention_out, 2, 32, 3, kQueryShape);
    const ifa_tensor k = tensor(key, 2, 32, 3, kCacheShape), v = tensor(value, 2, 32, 3, kCacheShape);
    const ifa_tensor lengths = tensor(kLengths, 0, 64, 1, kLengthsShape);
    const ifa_tensor *const keys[1] = {&k}, *const values[1] = {&v};

    ifa_arguments arguments;
    ifa_arguments_init(&arguments);
    arguments.query = &q;
    arguments.key = keys;
    arguments.key_count = 1;
    arguments.value = values;
    arguments.value_count = 1;
    arguments.attention_out = &out;
    arguments.actual_seq_lengths = &lengths;
    arguments.num_heads = N;
    arguments.num_key_value_heads = KV_N;
    arguments.scale_value = 1 / sqrt(D);

    fill();
    decode(arguments);
    const double error = worst_error(arguments.scale_value);
    const int version = ifa_version();
    printf("ifa %d.%d.%d, %s kernels\n", version / 10000, version / 100 % 100, version % 100, ifa_isa());
    printf("worst relative error of a row: %.1e, bound %.1e\n", error, kBound);
    const int refused = refuses_seven_heads(arguments);
    return error <= kBound && refused ? EXIT_SUCCESS : EXIT_FAILURE;
}
