/* Ways: where gate_call goes for a signature, found out once. Those in bridge/arch make all of the usual calls, of class
 * default or leaf: one for each type of two words and doubles (by_value.S), and one that goes by a list (by_takes.S). What
 * they have nothing for goes by a frame (call.c), or by libffi.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>

#include "bridge/arch/by_takes.h"
#include "bridge/internal.h"

_Static_assert(offsetof(gate_signature, takes) == GATE__SIGNATURE_TAKES, "by_takes.h");
_Static_assert(offsetof(gate_signature, give) == GATE__SIGNATURE_GIVE, "by_takes.h");
_Static_assert(offsetof(struct gate__take, argument) == GATE__TAKE_ARGUMENT, "by_takes.h");
_Static_assert(offsetof(struct gate__take, offset) == GATE__TAKE_OFFSET, "by_takes.h");
_Static_assert(sizeof(struct gate__take) == GATE__TAKE_SIZE, "by_takes.h");
_Static_assert(GATE__LOAD_COPY == 0 && GATE__LOAD_U8 + 1 == GATE__TAKES_OF_WORDS, "the tables' order");
_Static_assert(GATE__LOAD_64 == 1 && GATE__LOAD_U32 + 1 == GATE__TAKES_OF_VECTORS, "the tables' order");

/* By type. */

enum kind { NONE, INT, LONG, DOUBLE };

/* -1 if there is nothing for it. */
static int argument_at(const struct gate__plan *plan, uint32_t index) {
    const struct gate__step *step = &plan->steps[index];
    if (index >= plan->count)
        return NONE;
    if (step->load == GATE__LOAD_S32 && step->cell < GATE__WORDS)
        return INT;
    if (step->load == GATE__LOAD_64 && step->cell < GATE__STACK)
        return step->cell < GATE__WORDS ? LONG : DOUBLE;
    return -1;
}

static int result_of(const struct gate__result *result) {
    const struct gate__part *part = &result->parts[0];
    if (result->in != GATE__IN_REGISTERS || result->count > 1 || part->offset)
        return -1;
    if (result->count == 0)
        return NONE;
    if (part->cell >= GATE__WORDS)
        return part->size == sizeof(double) ? DOUBLE : -1;
    return part->size == sizeof(int) ? INT : part->size == sizeof(long) ? LONG : -1;
}

/* Whether each step is the whole of an argument. */
static bool takes_two_at_most(const gate_signature *signature) {
    const struct gate__plan *plan = signature->plan;
    bool all = plan->count <= 2 && plan->count == signature->count && !plan->stack_count;
    for (uint32_t i = 0; all && i < plan->count; i++)
        all = plan->steps[i].argument == i && plan->steps[i].offset == 0;
    return all && !gate__signature_tells_vectors(signature);
}

static gate__by_value *way_by_type(const gate_signature *signature) {
    static gate__by_value *const ways[][DOUBLE + 1][DOUBLE + 1] = {
        [NONE] = {[NONE] = {GATE__BY_VALUE(none)}},
        [INT] = {{GATE__BY_VALUE(i)}, {GATE__BY_VALUE(ii)}, {GATE__BY_VALUE(il)}, {GATE__BY_VALUE(id)}},
        [LONG] = {{GATE__BY_VALUE(l)}, {GATE__BY_VALUE(li)}, {GATE__BY_VALUE(ll)}, {GATE__BY_VALUE(ld)}},
        [DOUBLE] = {{GATE__BY_VALUE(d)}, {GATE__BY_VALUE(di)}, {GATE__BY_VALUE(dl)}, {GATE__BY_VALUE(dd)}},
    };
    const struct gate__plan *plan = signature->plan;
    if (!takes_two_at_most(signature))
        return NULL;
    int first = argument_at(plan, 0), second = argument_at(plan, 1), result = result_of(&plan->result);
    return first >= 0 && second >= 0 && result >= 0 ? ways[first][second][result] : NULL;
}

/* By a list. The steps are taken from the last to the first, as the stack grows. */

struct list {
    struct gate__take *next;
    uint32_t stack; /* words that are still to come */
    bool lacks;     /* there is no routine for some part */
};

static void add(struct list *list, gate__piece *routine, size_t argument, size_t offset) {
    list->lacks |= !routine;
    *list->next++ = (struct gate__take){routine, argument, offset};
}

/* How a part of so many bytes is loaded that is to be copied as it is; COPY for those that no load has. */
static enum gate__load load_of_copy(size_t size) {
    switch (size) {
    case 8:
        return GATE__LOAD_64;
    case 4:
        return GATE__LOAD_U32;
    case 2:
        return GATE__LOAD_U16;
    case 1:
        return GATE__LOAD_U8;
    default:
        return GATE__LOAD_COPY;
    }
}

static void add_nothing(struct list *list, uint32_t down_to) {
    for (; list->stack > down_to; list->stack--)
        add(list, gate__arch_take_nothing, 0, 0);
}

/* Words of the stack: the last of them may be less than a whole one. */
static void add_on_stack(struct list *list, const struct gate__step *step) {
    size_t words = (step->size + 7) / 8;
    add_nothing(list, (uint32_t)(step->cell - GATE__STACK + words));
    for (size_t i = words; i-- > 0; list->stack--) {
        size_t rest = step->size - 8 * i;
        unsigned load = step->load ? step->load : load_of_copy(rest < 8 ? rest : 8);
        add(list, gate__arch_take_words[load][GATE__WORDS], step->argument, step->offset + 8 * i);
    }
}

static void add_step(struct list *list, const struct gate__step *step) {
    unsigned load = step->load ? step->load : load_of_copy(step->size);
    if (step->cell >= GATE__STACK)
        add_on_stack(list, step);
    else if (step->cell < GATE__WORDS)
        add(list, gate__arch_take_words[load][step->cell], step->argument, step->offset);
    else if ((load == GATE__LOAD_COPY && step->size != 16) || load >= GATE__TAKES_OF_VECTORS)
        list->lacks = true;
    else
        add(list, gate__arch_take_vectors[load][gate__arch_vector_of(step->cell)], step->argument, step->offset);
}

/* The routines that take several words at once, by how many. */
static gate__piece *const several[] = {NULL,
                                       NULL,
                                       gate__arch_take_2,
                                       gate__arch_take_3,
                                       gate__arch_take_4,
                                       gate__arch_take_5,
                                       gate__arch_take_6,
                                       gate__arch_take_7,
                                       gate__arch_take_8};
enum { SEVERAL_MOST = sizeof several / sizeof *several - 1 };

/* Of how many words the step is the last, in the order of registers and of the stack; 0 if it is no word. */
static uint32_t words_to(const struct gate__step *step) {
    if (step->cell >= GATE__STACK)
        return GATE__WORDS + step->cell - GATE__STACK + 1;
    return step->cell < GATE__WORDS ? step->cell + 1 : 0;
}

/* How many steps, of which this is the last, one routine can take at once; or 1. */
static uint32_t run_to(const struct gate__plan *plan, uint32_t index) {
    const struct gate__step *last = &plan->steps[index];
    uint32_t count = words_to(last);
    bool has_all_of_stack = count <= GATE__WORDS || count == GATE__WORDS + plan->stack_count;
    if (count < 2 || count > SEVERAL_MOST || count > index + 1 || !has_all_of_stack)
        return 1;
    for (uint32_t i = 0; i < count; i++) {
        const struct gate__step *step = last - i;
        bool is_plain = step->load == GATE__LOAD_64 && !step->offset;
        if (!is_plain || words_to(step) != count - i || step->argument != last->argument - i)
            return 1;
    }
    return count;
}

static void add_run(struct list *list, const struct gate__step *first, uint32_t count) {
    add(list, several[count], first->argument, 0);
    if (count > GATE__WORDS)
        list->stack = 0;
}

static void add_steps(struct list *list, const struct gate__plan *plan) {
    uint32_t count;
    for (uint32_t left = plan->count; left > 0; left -= count) {
        count = run_to(plan, left - 1);
        if (count > 1)
            add_run(list, &plan->steps[left - count], count);
        else
            add_step(list, &plan->steps[left - 1]);
    }
    add_nothing(list, 0);
}

static gate__piece *give_of_one(const struct gate__part *part) {
    bool is_word = part->cell < GATE__WORDS;
    switch (part->size) {
    case 1:
        return is_word ? gate__arch_give_8 : NULL;
    case 2:
        return is_word ? gate__arch_give_16 : NULL;
    case 4:
        return is_word ? gate__arch_give_32 : gate__arch_give_float;
    case 8:
        return is_word ? gate__arch_give_64 : gate__arch_give_double;
    case 16:
        return gate__arch_give_vector;
    default:
        return NULL;
    }
}

/* NULL for what no routine gives. */
static gate__piece *give_of(const struct gate__result *result) {
    const struct gate__part *first = &result->parts[0], *second = &result->parts[1];
    if (result->in == GATE__IN_MEMORY)
        return gate__arch_give_nothing;
    if (result->in != GATE__IN_REGISTERS)
        return NULL;
    if (result->count == 0)
        return gate__arch_give_nothing;
    if (result->count == 1)
        return first->offset == 0 ? give_of_one(first) : NULL;
    if (first->size != 8 || second->size != 8)
        return NULL;
    if (first->cell < GATE__WORDS)
        return second->cell < GATE__WORDS ? gate__arch_give_words : gate__arch_give_word_double;
    return second->cell < GATE__WORDS ? gate__arch_give_double_word : gate__arch_give_doubles;
}

/* The way of a signature that a list can be made for. */
static int way_by_takes(gate_signature *signature, gate_error *error) {
    const struct gate__plan *plan = signature->plan;
    struct list list = {NULL, plan->stack_count + plan->stack_count % 2, false};
    gate__piece *give = give_of(&plan->result);
    if (!give)
        return 0;
    struct gate__take *takes = gate__signature_allocate(signature, (plan->count + list.stack + 2) * sizeof *takes);
    if (!takes)
        return gate__fail(error, -ENOMEM, "no memory to prepare a signature");
    list.next = takes;
    add_steps(&list, plan);
    if (plan->result.in == GATE__IN_MEMORY)
        add(&list, gate__arch_take_room, 0, 0);
    add(&list, gate__arch_take_no_more, 0, 0);
    if (list.lacks)
        return 0;
    signature->takes = takes;
    signature->give = give;
    signature->call = plan->result.in == GATE__IN_MEMORY ? gate__arch_takes_cross_room : gate__arch_takes_cross;
    return 0;
}

int gate__way_choose(gate_signature *signature, gate_error *error) {
    const struct gate__plan *plan = signature->plan;
    signature->call = gate__call_values;
    if (!plan || !plan->by_frame || gate__plan_is_large(plan))
        return 0;
    gate__by_value *way = way_by_type(signature);
    signature->call = way ? way : gate__call_by_frame;
    return way ? 0 : way_by_takes(signature, error);
}
