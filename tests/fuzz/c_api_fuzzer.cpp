// libFuzzer's entry to the C ABI.
#include "fuzz/c_api.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    fuzz::fuzz_c_api(bytes, size);
    return 0;
}
