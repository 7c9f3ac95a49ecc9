// That the fuzzers would notice: the harness over doors that are wrong.
#include "fuzz/harness.hpp"

#include <gtest/gtest.h>

#include "fuzz/door.hpp"

namespace {

using fuzz::Refusal;
using fuzz::Run;

// The run-time door, with something done after every call.
class SpoiltDoor : public fuzz::RunTimeDoor {
   public:
    using Spoil = void (*)(const ifa::Arguments& arguments);

    SpoiltDoor(const ifa::Arguments& arguments, Spoil spoil)
        : RunTimeDoor(arguments, 1), arguments_(arguments), spoil_(spoil) {}

    Refusal attend(const Run& run) override {
        const Refusal refusal = RunTimeDoor::attend(run);
        spoil_(arguments_);
        return refusal;
    }

   private:
    const ifa::Arguments& arguments_;
    Spoil spoil_;
};

float* floats(const ifa::Tensor& tensor) {
    return static_cast<float*>(tensor.data);
}

// What the harness finds in a door, over the call of these bytes.
std::string finding(const std::vector<std::uint8_t>& bytes, SpoiltDoor::Spoil spoil) {
    fuzz::Input input(bytes.data(), bytes.size());
    const fuzz::DoorArguments of(input.call, fuzz::as_tensor);
    SpoiltDoor door(of.arguments, spoil);
    try {
        input.run(door, of.arguments);
        return "nothing";
    } catch (const fuzz::Finding& found) {
        return found.what();
    }
}

bool begins(const std::string& text, const char* with) {
    return text.rfind(with, 0) == 0;
}

const std::vector<std::uint8_t> kValid = {};
const std::vector<std::uint8_t> kWithoutQuery = {1, 7, fuzz::kQuery, 0};

TEST(FuzzHarness, FindsNothingInARightDoor) {
    const auto nothing = [](const ifa::Arguments&) {};
    EXPECT_EQ(finding(kValid, nothing), "nothing");
    EXPECT_EQ(finding(kWithoutQuery, nothing), "nothing");
}

TEST(FuzzHarness, FindsANumberThatIsSlightlyOff) {
    const auto found = finding(kValid, [](const ifa::Arguments& a) { floats(a.attention_out)[15] += 1e-4f; });
    EXPECT_TRUE(begins(found, "sequence 0, head 0: error")) << found;
}

TEST(FuzzHarness, FindsANumberThatWasNotWritten) {
    const auto found = finding(
        kValid, [](const ifa::Arguments& a) { floats(a.attention_out)[3] = std::numeric_limits<float>::quiet_NaN(); });
    EXPECT_TRUE(begins(found, "sequence 0, head 0: error inf")) << found;
}

TEST(FuzzHarness, FindsAnInputThatWasWritten) {
    const auto found = finding(kValid, [](const ifa::Arguments& a) { floats(a.query)[0] = 7; });
    EXPECT_TRUE(begins(found, "memory outside the output's rows was written")) << found;
}

TEST(FuzzHarness, FindsAnOutputThatWasWrittenInSpiteOfAnError) {
    const auto found = finding(kWithoutQuery, [](const ifa::Arguments& a) {
        fuzz::show(a.attention_out.data, 4);
        floats(a.attention_out)[0] = 7;
    });
    EXPECT_TRUE(begins(found, "memory was written in spite of an error")) << found;
}

}  // namespace
