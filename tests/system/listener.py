"""A session that keeps what the server pushes to it."""

import programs
from wire import Session, stanza

HEAR = 0.02  # seconds without a stanza after which there is none


class Listener(Session):
    """Whoever derives from it says what a push is: take(stanza), true when it was one."""

    def __init__(self, server, eid, device):
        self.last_id = 10
        super().__init__(server, eid=eid, device=device)

    def ask(self, id=None, **body):
        self.last_id += 1
        id = id or self.last_id
        self.send(stanza(id, **body))
        answers = []
        programs.wait_until(lambda: self.hear(answers) or any(one.id == id for one in answers), what="the answer")
        return next(one for one in answers if one.id == id)

    def hear(self, others=None):
        """Takes what there is; what is no push goes to `others`."""
        self.socket.settimeout(HEAR)
        try:
            while True:
                got = self.next()
                if not self.take(got) and others is not None:
                    others.append(got)
        except TimeoutError:
            pass

    def until(self, is_so, what="it", within=20):
        programs.wait_until(lambda: self.hear() or is_so(), within=within, what=what)
