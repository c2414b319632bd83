// An erasure from a topic: from one of its partitions after another.
#pragma once

#include <vector>

#include "engine/partition/writer_loop.h"

namespace bimip::engine {

// Answers the whole request once, when the last partition has answered or one has failed. Every
// partition is gone over: whoever publishes may choose another than the key's.
void erase_in_turn(WriterLoop& loop, std::vector<Partition*> partitions, EraseRequest& whole);

}  // namespace bimip::engine
