// How append requests reach a writer thread: many producers, one consumer, no allocation, no lock.
#pragma once

#include <atomic>

#include "engine/partition/requests.h"

namespace bimip::engine {

// First in, first out. Owner-thread only. Does not own its requests.
class RequestList {
 public:
  [[nodiscard]] bool empty() const { return head_ == nullptr; }
  [[nodiscard]] AppendRequest& front() const { return *head_; }
  // Front to back, until `visit` answers false.
  template <typename Visit>
  void visit(Visit&& visit) const {
    for (const AppendRequest* request = head_; request != nullptr && visit(*request);)
      request = request->next_;
  }
  void push_back(AppendRequest& request) {
    request.next_ = nullptr;
    (head_ == nullptr ? head_ : tail_->next_) = &request;
    tail_ = &request;
  }
  AppendRequest& pop_front() {
    AppendRequest& request = *head_;
    head_ = request.next_;
    return request;
  }

 private:
  AppendRequest* head_ = nullptr;
  AppendRequest* tail_ = nullptr;
};

// push() from any thread; take_all() from one. (Treiber's stack, emptied in one exchange and
// reversed.)
class RequestQueue {
 public:
  // True when the queue was empty: the consumer may be asleep.
  bool push(AppendRequest& request) {
    AppendRequest* head = head_.load(std::memory_order_relaxed);
    do {
      request.next_ = head;
    } while (!head_.compare_exchange_weak(head, &request, std::memory_order_release,
                                          std::memory_order_relaxed));
    return head == nullptr;
  }

  // Calls `visit` for every request, in the order in which each producer pushed its own.
  template <typename Visit>
  void take_all(Visit&& visit) {
    AppendRequest* newest = head_.exchange(nullptr, std::memory_order_acquire);
    AppendRequest* oldest = nullptr;
    while (newest != nullptr) {
      AppendRequest* next = newest->next_;
      newest->next_ = oldest;
      oldest = newest;
      newest = next;
    }
    while (oldest != nullptr) {
      AppendRequest* next = oldest->next_;
      visit(*oldest);
      oldest = next;
    }
  }
  [[nodiscard]] bool empty() const { return head_.load(std::memory_order_acquire) == nullptr; }

 private:
  std::atomic<AppendRequest*> head_{nullptr};
};

}  // namespace bimip::engine
