// Answers on their way back to the thread that asked.
#pragma once

#include <atomic>

namespace bimip::frontend {

// Many threads put, one takes. Lock-free: a stack, turned over when it is taken (Treiber, IBM
// RJ 5118, 1986). An Item lets its Mailbox keep a pointer in it, mail_next_.
template <typename Item>
class Mailbox {
 public:
  // True when it was empty: the owner is then to be woken.
  bool put(Item& request) {
    Item* head = head_.load(std::memory_order_relaxed);
    do {
      request.mail_next_ = head;
    } while (!head_.compare_exchange_weak(head, &request, std::memory_order_release,
                                          std::memory_order_relaxed));
    return head == nullptr;
  }

  // Calls `visit(Item&)` for all there are, oldest first. They may be destroyed inside.
  template <typename Visit>
  void take_all(Visit&& visit) {
    Item* newest = head_.exchange(nullptr, std::memory_order_acquire);
    Item* oldest = nullptr;
    while (newest != nullptr) {
      Item* next = newest->mail_next_;
      newest->mail_next_ = oldest;
      oldest = newest;
      newest = next;
    }
    while (oldest != nullptr) {
      Item* next = oldest->mail_next_;
      visit(*oldest);
      oldest = next;
    }
  }

 private:
  std::atomic<Item*> head_{nullptr};
};

}  // namespace bimip::frontend
