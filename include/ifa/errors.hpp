// The three errors of the operator, and the collector every contract reports to.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <stdexcept>

#include "config.hpp"

namespace ifa {

// In the order in which a call with several faults reports them.
enum class ErrorKind { kType, kValue, kRuntime };

// What was wrong: the argument, what was expected and what came.
struct Violation {
    // The rest is written with a message: a call that is fine pays nothing for it.
    IFA_INLINE Violation() { message[0] = '\0'; }

    ErrorKind kind = ErrorKind::kRuntime;
    char message[448];
};

// What `check` returns: empty when the call is fine, else the violation.
class CheckResult {
   public:
    IFA_INLINE explicit operator bool() const { return violated_; }
    IFA_INLINE const Violation* operator->() const { return &violation_; }
    IFA_INLINE const Violation& operator*() const { return violation_; }

    bool violated_ = false;
    Violation violation_;  // written where it is needed only
};

// The base of everything the library throws. Thrown before the first byte of the output is written.
class IFA_EXPORT Error : public std::runtime_error {
   public:
    IFA_INLINE explicit Error(const char* message) : std::runtime_error(message) {}
};
class IFA_EXPORT TypeError : public Error {
   public:
    IFA_INLINE explicit TypeError(const char* message) : Error(message) {}
};
class IFA_EXPORT ValueError : public Error {
   public:
    IFA_INLINE explicit ValueError(const char* message) : Error(message) {}
};
class IFA_EXPORT RuntimeError : public Error {
   public:
    IFA_INLINE explicit RuntimeError(const char* message) : Error(message) {}
};

inline namespace IFA_ISA {

// One argument of a message.
struct MessagePiece {
    IFA_INLINE MessagePiece(const char* value) : text(value) {}
    IFA_INLINE MessagePiece(double value) : number(value), is_number(true) {}
    IFA_INLINE MessagePiece(Index value) : integer(value) {}
    IFA_INLINE MessagePiece(int value) : integer(value) {}

    inline int print(char* to, std::size_t room) const {
        if (text) return std::snprintf(to, room, "%s", text);
        if (is_number) return std::snprintf(to, room, "%g", number);
        return std::snprintf(to, room, "%lld", static_cast<long long>(integer));
    }

    const char* text = nullptr;
    double number = 0;
    Index integer = 0;
    bool is_number = false;
};

// Collects violations of a call's contracts and keeps the one to report: the first of the first kind.
class Contracts {
   public:
    // `format` holds a {} for each piece: "attn_mask: expected a batch of 1 or {}, got {}". Cold, so that what leads
    // here lies apart from what a call without errors runs through: see ParsedArguments::view.
    template <class... Pieces>
    __attribute__((cold, noinline)) void fail(ErrorKind kind, const char* format, Pieces... pieces) {
        if (result_.violated_ && result_.violation_.kind <= kind) return;
        const MessagePiece all[] = {MessagePiece(pieces)..., MessagePiece("")};
        result_.violated_ = true;
        result_.violation_.kind = kind;
        write(format, all);
    }

    IFA_INLINE bool failed() const { return result_.violated_; }
    IFA_INLINE const CheckResult& result() const { return result_; }

   private:
    inline void write(const char* format, const MessagePiece* piece) {
        char* to = result_.violation_.message;
        char* const end = to + sizeof(result_.violation_.message) - 1;
        for (; *format && to < end; ++format) {
            if (format[0] == '{' && format[1] == '}') {
                const int written = piece++->print(to, static_cast<std::size_t>(end - to));
                to += written < end - to ? written : end - to - 1;
                ++format;
            } else {
                *to++ = *format;
            }
        }
        *to = '\0';
    }

    CheckResult result_ = {};
};

// Throws what `check` found. Without exceptions it prints the message and aborts.
inline void raise(const CheckResult& result) {
    if (!result) return;
#if defined(__cpp_exceptions)
    switch (result->kind) {
        case ErrorKind::kType: throw TypeError(result->message);
        case ErrorKind::kValue: throw ValueError(result->message);
        case ErrorKind::kRuntime: throw RuntimeError(result->message);
    }
#else
    std::fprintf(stderr, "ifa: %s\n", result->message);
    std::abort();
#endif
}

}  // namespace IFA_ISA

}  // namespace ifa
