// What every input must end in: a typed error and nothing written, or the formula's result and nothing else written.
#pragma once

#include <cstdio>
#include <sstream>

#include "document.hpp"
#include "ifa/dynamic/contracts.hpp"
#include "mutations.hpp"
#include "support/bounds.hpp"
#include "support/refusal.hpp"
#include "valid_call.hpp"

namespace fuzz {

using support::Refusal;

// Says that the library, or one of these files, is wrong.
class Finding : public std::logic_error {
    using std::logic_error::logic_error;
};

inline void expect(bool holds, const std::string& what) {
    if (!holds) throw Finding(what);
}

// How a call that is accepted is run.
struct Run {
    bool is_planned = false;
    Region workspace = {};
};

// One of the library's doors, with the arguments of a call.
class Door {
   public:
    Door() = default;
    Door(const Door&) = delete;
    Door& operator=(const Door&) = delete;
    virtual ~Door() = default;

    virtual Refusal check(const Run& run) = 0;
    virtual Refusal attend(const Run& run) = 0;
    // Makes the plan of planned runs; returns the bytes of their workspace.
    virtual std::size_t plan() = 0;
};

// What became of the inputs so far, printed when the program ends.
class Counts {
   public:
    std::size_t inputs = 0, valid = 0, accepted = 0, refused[3] = {}, claims = 0, rows = 0, unbounded_rows = 0;
    double worst_ratio = 0;

    static Counts& instance() {
        static Counts counts;
        return counts;
    }
    Counts(const Counts&) = delete;
    Counts& operator=(const Counts&) = delete;
    ~Counts() {
        const auto share = [&](std::size_t n) { return 100 * static_cast<double>(n) / static_cast<double>(inputs); };
        if (inputs == 0) return;
        std::fprintf(
            stderr,
            "fuzz: %zu inputs: %.1f %% accepted (%.1f %% unspoilt, %.1f %% spoilt), refused by TypeError %.1f %%, "
            "ValueError %.1f %%, RuntimeError %.1f %%, too large to run %.1f %%\n"
            "fuzz: %zu rows compared, at most %.3f of their bound; %zu beyond float32\n",
            inputs, share(accepted), share(valid), share(accepted - valid), share(refused[0]), share(refused[1]),
            share(refused[2]), share(claims), rows, worst_ratio, unbounded_rows);
    }

   private:
    Counts() = default;
};

// Holds the rows of the output against those of the formula.
class Comparison {
   public:
    Comparison(const ifa::Arguments& arguments, const Document& document, const std::vector<reference::Row>& exact)
        : a_(arguments), document_(document) {
        for (std::size_t i = 0; i < exact.size(); ++i)
            compare(static_cast<Index>(i) / document.heads, static_cast<Index>(i) % document.heads, exact[i]);
    }

   private:
    // What float32 can hold with room for a factor of 256; nothing is promised beyond.
    static constexpr double kLargest = 0x1p120;

    double tau() const {
        return a_.key[0].dtype == ifa::DType::kInt8 && a_.inner_precise == 1 ? support::kTauInt8HighPerformance
                                                                             : support::kTau;
    }

    void compare(Index b, Index head, const reference::Row& exact) {
        Counts& counts = Counts::instance();
        const bool is_bounded =
            std::abs(a_.scale_value) < kLargest && exact.magnitude < kLargest && exact.absolute_norm < kLargest;
        ++(is_bounded ? counts.rows : counts.unbounded_rows);
        if (!is_bounded) return;
        const double bound = support::general_bound(exact, tau()), error = row_error(b, head, exact, bound);
        const double ratio = support::ratio_to(error, bound);
        counts.worst_ratio = std::max(counts.worst_ratio, ratio <= 1 ? ratio : 0);
        if (ratio <= 1) return;
        std::ostringstream what;
        what << "sequence " << b << ", head " << head << ": error " << error << ", bound " << bound;
        throw Finding(what.str());
    }

    double row_error(Index b, Index head, const reference::Row& exact, double bound) const {
        double squares = 0;
        const std::byte* at = document_.row(a_.attention_out, b, head);
        for (Index d = 0; d < document_.head_dim; ++d, at += a_.attention_out.dtype.bytes()) {
            const double x = exact.values[static_cast<std::size_t>(d)];
            const properties::Interval rounded =
                properties::rounding_interval(element_type(a_.attention_out.dtype), at);
            if (a_.attention_out.dtype != ifa::DType::kInt8) squares += square(rounded.distance(x));
            else compare_quantised(rounded, document_.post_quant(head, d), x, bound);
        }
        return std::sqrt(squares);
    }

    // An element whose exact value lies within the bound of those that round to what was stored.
    static void compare_quantised(const properties::Interval& rounded, const std::pair<double, double>& quant, double x,
                                  double bound) {
        const double exact = x * quant.first + quant.second;
        const double slack = bound * std::abs(quant.first) + 0x1p-23 * (std::abs(exact) + std::abs(x * quant.first));
        if (std::abs(exact) < kLargest) expect(rounded.distance(exact) <= slack, "an int8 element is off");
    }

    static double square(double x) { return x * x; }

    const ifa::Arguments& a_;
    const Document& document_;
};

// What a finding prints, to be understood without the input.
inline std::string describe(const ifa::Arguments& a) {
    std::ostringstream text;
    ifa::each_tensor(a, [&](const char* name, const ifa::Tensor& t) {
        text << "\n  " << name << ": " << ifa::DTypeText(t.dtype).text << " " << ifa::AxesText(t.shape).text
             << ", strides " << ifa::AxesText(t.strides).text << ", data " << t.data;
    });
    text << "\n  num_heads " << a.num_heads << ", num_key_value_heads " << a.num_key_value_heads << ", input_layout "
         << (a.input_layout ? a.input_layout : "null") << ", scale_value " << a.scale_value << ", block_size "
         << a.block_size << ", inner_precise " << a.inner_precise << ", chunk_tokens " << a.chunk_tokens;
    return text.str();
}

// Runs one call through a door.
class Trial {
   public:
    Trial(const Call& call, bool is_backed, Memory& memory, Door& door, const ifa::Arguments& arguments)
        : call_(call), is_backed_(is_backed), memory_(memory), door_(door), arguments_(arguments) {}

    void run() {
        try {
            try_call();
        } catch (const Finding& finding) {
            memory_.show_all();
            throw Finding(finding.what() + describe(arguments_));
        }
    }

   private:
    void try_call() {
        const std::vector<std::byte> before = memory_.copy();
        memory_.hide_all();
        show_integers();
        const Refusal refusal = door_.check({});
        if (!refusal.accepted) return expect_refused(refusal, before);
        memory_.show_all();
        if (!is_backed_) ++Counts::instance().claims;
        else if (arguments_.query.shape[0] == 0) expect_nothing_done(before);
        else expect_formula(before);
    }

    // All that a check looks at.
    void show_integers() const {
        for (const Role role : {kActualSeqLengths, kBlockTable, kKvPaddingSize})
            for (const Descriptor& tensor : call_.tensors[role]) show(tensor.data, tensor.byte_offset + tensor.bytes);
    }

    void expect_refused(const Refusal& refusal, const std::vector<std::byte>& before) {
        ++Counts::instance().refused[static_cast<std::size_t>(refusal.kind)];
        expect(call_.mutations > 0, "a valid call was refused: " + refusal.message);
        expect(door_.attend({}) == refusal, "the call disagrees with its check: " + refusal.message);
        memory_.show_all();
        expect(memory_.untouched_but({}, before), "memory was written in spite of an error: " + refusal.message);
    }

    // Of a batch of no sequences.
    void expect_nothing_done(const std::vector<std::byte>& before) {
        expect(door_.attend({}).accepted, "an empty batch was refused");
        expect(memory_.untouched_but({}, before), "memory was written for an empty batch");
    }

    void expect_formula(const std::vector<std::byte>& before) {
        ++Counts::instance().accepted;
        Counts::instance().valid += call_.mutations == 0;
        const Document document(arguments_);
        const std::vector<reference::Row> exact = document.rows();
        Regions read, passed_over, written;
        document.visit_inputs(read, passed_over);
        document.visit_output(written);
        memory_.keep_only(read.all(), before);
        const std::vector<std::byte> kept = memory_.copy();
        memory_.hide_all();
        passed_over.show();
        read.show();
        written.lend();
        attend();
        memory_.show_all();
        expect(memory_.untouched_but(written.all(), kept), "memory outside the output's rows was written");
        Comparison(arguments_, document, exact);
    }

    // As the call says: with or without a plan, in memory of the library or of the caller's.
    void attend() {
        Run run{.is_planned = call_.is_planned};
        const std::size_t bytes = call_.is_planned || call_.workspace != Workspace::kOwn ? door_.plan() : 0;
        workspaces_.restart();
        switch (call_.workspace) {
            case Workspace::kExact: run.workspace = lend_workspace(bytes); break;
            case Workspace::kShort: expect_workspace_refused(lend_workspace(bytes), 1); break;
            case Workspace::kInOutput: expect_workspace_refused(output_as_workspace(bytes), 0); break;
            case Workspace::kOwn: break;
        }
        expect_accepted(door_.check(run), "a run was refused by its check: ");
        expect_accepted(door_.attend(run), "a run was refused after its check: ");
        workspaces_.show_all();
        std::vector<Region> lent;
        if (run.workspace.bytes > 0) lent.push_back(run.workspace);
        expect(workspaces_.is_nan_but(lent), "memory around the workspace was written");
    }
    static void expect_accepted(const Refusal& refusal, const char* what) {
        expect(refusal.accepted, what + refusal.message);
    }

    Region lend_workspace(std::size_t bytes) {
        if (bytes > Memory::kCapacity / 2) return {};
        const Region lent{workspaces_.take(bytes, call_.workspace_misalignment), bytes};
        workspaces_.hide_all();
        lend(lent.data, lent.bytes);
        return lent;
    }
    Region output_as_workspace(std::size_t bytes) const {
        return {static_cast<std::byte*>(arguments_.attention_out.data), bytes};
    }
    void expect_workspace_refused(const Region& region, std::size_t missing_bytes) {
        if (region.bytes == 0) return;
        const Refusal refusal =
            door_.attend({.is_planned = call_.is_planned, .workspace = {region.data, region.bytes - missing_bytes}});
        constexpr const char* kName = "workspace";
        const std::size_t length = std::min<std::size_t>(std::strlen(kName), refusal.message.size());
        const bool is_named = refusal.message.compare(0, length, kName, length) == 0;
        expect(!refusal.accepted && is_named,
               "a workspace too short, or not the call's own, was taken: " + refusal.message);
    }

    const Call& call_;
    bool is_backed_;
    Memory& memory_;
    static inline Memory workspaces_ = {};
    Door& door_;
    const ifa::Arguments& arguments_;
};

// What a target is given, made anew of each input in memory that is kept. The first bytes spoil the call that the
// others draw: so short inputs, with which a fuzzer begins, do both.
class Input {
   public:
    Input(const std::uint8_t* bytes, std::size_t size)
        : spoiling_(bytes, std::min(size, kSpoilingBytes)),
          choices(bytes + std::min(size, kSpoilingBytes), size - std::min(size, kSpoilingBytes)),
          call(Drawing(choices).call()),
          mutations_(spoiling_, call),
          staging_(call, take(), Memory::kMostBytes) {
        ++Counts::instance().inputs;
    }
    Input(const Input&) = delete;
    Input& operator=(const Input&) = delete;

    // False where the call claims memory that a check could look for.
    bool can_be_tried() const { return !staging_.claims_too_much(); }

    void run(Door& door, const ifa::Arguments& arguments) {
        Trial(call, staging_.is_backed(), memory_, door, arguments).run();
    }

   private:
    static constexpr std::size_t kSpoilingBytes = 24;

    Choices spoiling_;

   public:
    Choices choices;
    Call call;

   private:
    static const Staging::Take& take() {
        static const Staging::Take all = [](std::size_t bytes, std::size_t misalignment) {
            return memory_.take(bytes, misalignment);
        };
        memory_.restart();
        return all;
    }

    static inline Memory memory_;
    Mutations mutations_;
    Staging staging_;
};

}  // namespace fuzz
