/* SPDX-License-Identifier: MIT */
/* How a move begins: its sessions, and what it watches. */

#include <signal.h>
#include <unistd.h>

#include "broker/connect.h"
#include "broker/loop.h"
#include "broker/urls.h"
#include "move/mover.h"

enum { PREFETCH = 500, PREFETCH_HOLDING = 10000 };

/* What is held cannot be moved, so it must not fill the room of what can. */
static void
choose_prefetch(struct move_plan *plan)
{
	bool holding = plan->dry_run || plan->filters.count > 0;

	if (plan->prefetch == 0)
		plan->prefetch = holding ? PREFETCH_HOLDING : PREFETCH;
	if (!holding && plan->origin == ORIGIN_NONE && plan->count >= 0 && plan->count < plan->prefetch)
		plan->prefetch = plan->count;
}

/* It must be there: messages are not moved to a name that was mistyped. */
static void
find_target(struct rmq *mq, const struct move_plan *plan)
{
	if (plan->target != NULL)
		rmq_declare_queue(mq, &(struct rmq_queue){ .name = plan->target, .declare = RMQ_FIND });
	if (plan->exchange != NULL && *plan->exchange != '\0')
		rmq_declare_exchange(mq, &(struct rmq_exchange){
		    .name = plan->exchange, .type = "", .declare = RMQ_FIND });
}

static void
open_sessions(struct mover *m, struct move_plan *plan, const char *program, const struct urls *target)
{
	struct rmq_config from, to;

	from = to = connect_config(program);
	if (target->count > 0) {
		to.uris = target->uris;
		to.nuris = target->count;
	}
	to.confirm = true;
	to.own_exchanges = plan->origin == ORIGIN_EXCHANGE;
	plan->user = to.uris[0].user;
	m->from = connect_open(&from);
	giveback_begin(&m->back, &from, m->from);
	if (plan->dry_run)
		return;
	m->to = connect_open(&to);
	find_target(m->to, plan);
}

int
move(struct move_plan *plan, const char *program, const struct urls *target)
{
	struct mover m = { .plan = plan, .end_at = -1, .give_up_at = -1 };

	choose_prefetch(plan);
	m.talk = plan->verbose || isatty(STDERR_FILENO);
	if (plan->timeout >= 0)
		m.end_at = rmq_now() + plan->timeout;
	progress_start(&m.progress, isatty(STDERR_FILENO) && !plan->dry_run);
	open_sessions(&m, plan, program, target);
	loop_catch(SIGTERM);
	loop_catch(SIGINT);
	loop_catch(SIGHUP);
	return move_run(&m);
}
