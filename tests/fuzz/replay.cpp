// Gives inputs to a target without libFuzzer: random ones, then those of files. usage: replay <random inputs> <file>...
//
// Only what is made of templates or known to MemorySanitizer: the rest of the C++ library is compiled without it.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size);

namespace {

constexpr std::size_t kLongest = 300;

void give_random(int count) {
    std::mt19937_64 random(1);
    for (int i = 0; i < count; ++i) {
        std::vector<std::uint8_t> bytes(random() % kLongest);
        for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random());
        LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
    }
}

bool give_file(const char* path) {
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path, "rb"), std::fclose);
    if (!file) return false;
    std::vector<std::uint8_t> bytes(kLongest);
    bytes.resize(std::fread(bytes.data(), 1, bytes.size(), file.get()));
    LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
    return true;
}

}  // namespace

int main(int count, char** arguments) {
    if (count < 2) return 2;
    give_random(std::atoi(arguments[1]));
    for (int i = 2; i < count; ++i)
        if (!give_file(arguments[i])) return 2;
}
