package supervise

import "time"

// seeOff has c leave, in the background. It is for who holds mu.
func (p *Parent) seeOff(c *child) {
	p.leavers = append(p.leavers, c)
	p.hurryOldest()
	p.helpers.Go(func() {
		p.untilGone(c)
		p.forget(c)
	})
}

// hurryOldest keeps the number of those that take their time.
func (p *Parent) hurryOldest() {
	unhurried := 0
	for i := len(p.leavers) - 1; i >= 0; i-- {
		if c := p.leavers[i]; !isClosed(c.hurried) {
			if unhurried++; unhurried > p.Leavers {
				c.hurry()
			}
		}
	}
}

// untilGone gives c LameDuck, then Grace, then no more time.
func (p *Parent) untilGone(c *child) {
	timer := time.NewTimer(p.LameDuck)
	defer timer.Stop()
	select {
	case <-c.done:
		return
	case <-timer.C:
	case <-c.hurried:
	}
	c.hurry()
	c.tell(order{Hurry: true})
	timer.Reset(p.Grace)
	select {
	case <-c.done:
		return
	case <-timer.C:
	}
	p.Log.Warn("worker has not drained in time: killed", "worker", c.pid(), "grace", p.Grace)
	p.mu.Lock()
	if p.stopped {
		p.killed++
	}
	p.mu.Unlock()
	c.kill()
	<-c.done
}

// forget removes c from those who leave.
func (p *Parent) forget(c *child) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, leaver := range p.leavers {
		if leaver == c {
			p.leavers = append(p.leavers[:i], p.leavers[i+1:]...)
			break
		}
	}
	if c.exit != nil && !c.wasKilled() {
		p.Log.Warn("worker left in trouble", "worker", c.pid(), "error", c.failure())
		return
	}
	p.Log.Info("worker has left", "worker", c.pid(), "lived", time.Since(c.began))
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
