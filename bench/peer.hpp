// Another way to compute a case, over the same caches: other libraries, and what one writes without any.
#pragma once

#include <memory>
#include <string>

#include "decode.hpp"

namespace bench {

class Peer {
   public:
    Peer(const Case& c, CacheMemory& memory) : case_(c), decode_(c, memory) {}
    virtual ~Peer() = default;
    Peer(const Peer&) = delete;
    Peer& operator=(const Peer&) = delete;

    virtual std::string name() const = 0;  // with its version and the type of its caches
    // What its time over ours must be at least; 0 where it stands for orientation.
    virtual double must() const = 0;

    // One call, on the next layer.
    void run() {
        attend(next_);
        next_ = (next_ + 1) % decode_.layers();
    }
    // As Decode::relative_error.
    double relative_error() {
        attend(0);
        return decode_.relative_error_of(out());
    }

   protected:
    Case case_;
    Decode decode_;

   private:
    virtual void attend(Index layer) = 0;
    virtual std::vector<float> out() const = 0;  // of the last call

    Index next_ = 0;
};

// A kind of peer that was found when the benchmark was built.
struct PeerKind {
    std::string name;
    bool (*takes)(const Case& c);
    std::unique_ptr<Peer> (*make)(const Case& c, CacheMemory& memory);
};

// Each source registers its own.
inline std::vector<PeerKind>& peer_kinds() {
    static std::vector<PeerKind> kinds;
    return kinds;
}
struct RegisteredPeer {
    explicit RegisteredPeer(const PeerKind& kind) { peer_kinds().push_back(kind); }
};

// What other libraries compute: one tensor of whole sequences, a head's rows side by side.
inline bool is_plain(const Case& c) {
    return c.layout == Layout::kBnsd && c.block_size == 0 && c.extra == Extra::kNone && !c.ragged;
}

}  // namespace bench
