// libFuzzer's entry to the run-time door.
#include "fuzz/door.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    fuzz::fuzz_door(bytes, size);
    return 0;
}
