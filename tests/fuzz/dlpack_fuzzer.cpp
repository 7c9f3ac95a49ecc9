// libFuzzer's entry to the importer of DLPack's tensors.
#include "fuzz/dlpack.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    fuzz::fuzz_dlpack(bytes, size);
    return 0;
}
