/* Direct calls in line on x86-64 (System V ABI), for C compilers that have GCC's assembly statements: what
 * GATE_INLINE_CALL of direct.h is made of. It is compiled into hosts.
 *
 * It does what gate__arch_direct_frame, and _leaf, do (bridge/arch/x86_64/direct.S), with the arguments in the same
 * registers. Since the compiler keeps registers for it, what is needed behind the call is kept, and not found anew.
 *
 *   rbx the task's stack pointer       r12 m        r13 task       rbp the frame of the function that this is in
 *
 *   task's stack                        system stack, which lies below
 *   +--------------------+              +----------------------------+
 *   | the function's     |              | scheduler's or C's frames  |
 *   |                    | <- rbx       +----------------------------+ <- m->system_sp
 *   | 128 bytes of its   |              | C's frames                 |
 *   | return address     |              +----------------------------+
 *   | rbp                | <- task->sp
 *   +--------------------+
 *
 * An unwinder goes from C to the function by its frame pointer, which GATE_INLINE_CALL has the compiler keep. It would
 * not go to a stack that is lower, so where the system stack is not, the call goes out of line, as do all that something
 * is to be done for besides.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_BRIDGE_ARCH_INLINE_H
#define CALLGATE_BRIDGE_ARCH_INLINE_H

/* What a host has compiled in of the library's layout, proved by direct.c. Who changes one of these changes the way, so
 * that hosts which have been compiled go out of line; what leads there in a gate_direct (enter, m_at, inline_way) stays. */
#define GATE__INLINE_DEFAULT 3 /* gate_direct: inline_way; a function of class default */
#define GATE__INLINE_LEAF 4    /* or leaf */
#define GATE__INLINE_M_SYSTEM_SP 0
#define GATE__INLINE_M_TASK 8
#define GATE__INLINE_M_CALL 16
#define GATE__INLINE_M_CLAIM 24
#define GATE__INLINE_M_ASKED 28
#define GATE__INLINE_TASK_SP 0
#define GATE__INLINE_TASK_FLOOR 8
#define GATE__INLINE_TASK_CALL 16
#define GATE__INLINE_ERROR_NUMBER 16 /* gate_direct, from here on */
#define GATE__INLINE_ENTER 24
#define GATE__INLINE_ADDRESS 32
#define GATE__INLINE_M_AT 40
#define GATE__INLINE_ERRNO_AT 48
#define GATE__INLINE_ASKED 56
#define GATE__INLINE_CLAIMED 64
#define GATE__INLINE_WAY 72

/* clang-format off */

#define GATE__INLINE_DIGITS_OF(number) #number
#define GATE__INLINE_DIGITS(number) GATE__INLINE_DIGITS_OF(number)
#define GATE__INLINE_M(field) GATE__INLINE_DIGITS(GATE__INLINE_M_##field) "(%%r12)"
#define GATE__INLINE_TASK(field) GATE__INLINE_DIGITS(GATE__INLINE_TASK_##field) "(%%r13)"
#define GATE__INLINE_DIRECT(field) GATE__INLINE_DIGITS(GATE__INLINE_##field) "(%[direct])"

/* m, task; to 7 if the call is to go out of line. A thread without a task has an M whose system stack is above all. */
#define GATE__INLINE_BEGIN(way)                                     \
    "movq " GATE__INLINE_DIRECT(M_AT) ", %%rax\n\t"                 \
    "movq %%fs:(%%rax), %%r12\n\t"                                  \
    "cmpl $" GATE__INLINE_DIGITS(way) ", " GATE__INLINE_DIRECT(WAY) "\n\t" \
    "jne 7f\n\t"                                                    \
    "cmpq %%rsp, " GATE__INLINE_M(SYSTEM_SP) "\n\t"                 \
    "ja 7f\n\t"                                                     \
    "movq " GATE__INLINE_M(TASK) ", %%r13\n\t"                      \
    "cmpq %%r13, %%rsp\n\t"                                         \
    "jae 7f\n\t"                                                    \
    "cmpq " GATE__INLINE_TASK(FLOOR) ", %%rsp\n\t"                  \
    "jb 7f\n\t"

/* A record of a frame stands below whatever the function has of the stack. */
#define GATE__INLINE_LEAVE                                              \
    "movq %%rsp, %%rbx\n\t"                                             \
    "leaq -128(%%rsp), %%rsp\n\t"                                       \
    "leaq 6f(%%rip), %%r11\n\t"                                         \
    "andq $-16, %%rsp\n\t"                                              \
    "pushq %%r11\n\t"                                                   \
    "pushq %%rbp\n\t"                                                   \
    "movq %%rsp, " GATE__INLINE_TASK(SP) "\n\t"

/* Between two values of errno, on the system stack. */
#define GATE__INLINE_CROSS                                          \
    "2: movq " GATE__INLINE_DIRECT(ERRNO_AT) ", %%r11\n\t"          \
    "movq " GATE__INLINE_M(SYSTEM_SP) ", %%rsp\n\t"                 \
    "movl $0, %%fs:(%%r11)\n\t"                                     \
    "movq " GATE__INLINE_DIRECT(ADDRESS) ", %%rax\n\t"              \
    "call *%%rax\n"                                                 \
    "6: movq " GATE__INLINE_DIRECT(ERRNO_AT) ", %%r11\n\t"          \
    "movl %%fs:(%%r11), %%ecx\n\t"                                  \
    "movl %%ecx, " GATE__INLINE_DIRECT(ERROR_NUMBER) "\n\t"

#define GATE__INLINE_END                                                \
    "3: movq %%rbx, %%rsp\n\t"                                          \
    "jmp 1f\n"                                                          \
    "7: movq %%rsp, %%rbx\n\t" /* out of line */                        \
    "leaq -128(%%rsp), %%rsp\n\t"                                       \
    "andq $-16, %%rsp\n\t"                                              \
    "movq %[direct], %%r10\n\t"                                         \
    "call *" GATE__INLINE_DIRECT(ENTER) "\n\t"                          \
    "movq %%rbx, %%rsp\n"

#define GATE__INLINE_CODE_LEAF                                          \
    GATE__INLINE_BEGIN(GATE__INLINE_LEAF)                               \
    GATE__INLINE_LEAVE                                                  \
    "movq %[direct], " GATE__INLINE_TASK(CALL) "\n"                     \
    GATE__INLINE_CROSS                                                  \
    "movq $0, " GATE__INLINE_TASK(CALL) "\n"                            \
    GATE__INLINE_END                                                    \
    "1:"

#define GATE__INLINE_CODE_DEFAULT                                       \
    GATE__INLINE_BEGIN(GATE__INLINE_DEFAULT)                            \
    GATE__INLINE_LEAVE                                                  \
    "movq %[direct], " GATE__INLINE_M(CALL) "\n\t"                      \
    "cmpl $0, " GATE__INLINE_M(ASKED) "\n\t"                            \
    "jne 8f\n"                                                          \
    GATE__INLINE_CROSS                                                  \
    "movq $0, " GATE__INLINE_M(CALL) "\n\t"                             \
    "cmpl $0, " GATE__INLINE_M(CLAIM) "\n\t"                            \
    "jne 9f\n"                                                          \
    GATE__INLINE_END                                                    \
    "jmp 1f\n"                                                          \
    "8: call *" GATE__INLINE_DIRECT(ASKED) "\n\t" /* of the slot */     \
    "jmp 2b\n"                                                          \
    "9: leaq -128(%%rbx), %%rsp\n\t" /* the slot is claimed */          \
    "andq $-16, %%rsp\n\t"                                              \
    "call *" GATE__INLINE_DIRECT(CLAIMED) "\n\t"                        \
    "jmp 3b\n"                                                          \
    "1:"

/* Of the argument registers, those that are passed are operands; the others, too, are the function's. */
#define GATE__INLINE_WORD_0 "rdi"
#define GATE__INLINE_WORD_1 "rsi"
#define GATE__INLINE_WORD_2 "rdx"
#define GATE__INLINE_WORD_3 "rcx"
#define GATE__INLINE_WORD_4 "r8"
#define GATE__INLINE_WORD_5 "r9"
#define GATE__INLINE_VECTOR_0 "xmm0"
#define GATE__INLINE_VECTOR_1 "xmm1"
#define GATE__INLINE_VECTOR_2 "xmm2"
#define GATE__INLINE_VECTOR_3 "xmm3"
#define GATE__INLINE_VECTOR_4 "xmm4"
#define GATE__INLINE_VECTOR_5 "xmm5"
#define GATE__INLINE_VECTOR_6 "xmm6"
#define GATE__INLINE_VECTOR_7 "xmm7"

/* The registers are loaded when all values are known: to find one may take a call, and that takes registers. */
#define GATE__INLINE_LOAD(sort, SORT, number) \
    register __typeof__(gate_##sort##number) gate_##sort##number##_in __asm__(GATE__INLINE_##SORT##_##number) = \
        gate_##sort##number;
#define GATE__INLINE_LOAD_WORDS_0
#define GATE__INLINE_LOAD_WORDS_1 GATE__INLINE_LOAD_WORDS_0 GATE__INLINE_LOAD(word, WORD, 0)
#define GATE__INLINE_LOAD_WORDS_2 GATE__INLINE_LOAD_WORDS_1 GATE__INLINE_LOAD(word, WORD, 1)
#define GATE__INLINE_LOAD_WORDS_3 GATE__INLINE_LOAD_WORDS_2 GATE__INLINE_LOAD(word, WORD, 2)
#define GATE__INLINE_LOAD_WORDS_4 GATE__INLINE_LOAD_WORDS_3 GATE__INLINE_LOAD(word, WORD, 3)
#define GATE__INLINE_LOAD_WORDS_5 GATE__INLINE_LOAD_WORDS_4 GATE__INLINE_LOAD(word, WORD, 4)
#define GATE__INLINE_LOAD_WORDS_6 GATE__INLINE_LOAD_WORDS_5 GATE__INLINE_LOAD(word, WORD, 5)
#define GATE__INLINE_LOAD_VECTORS_0
#define GATE__INLINE_LOAD_VECTORS_1 GATE__INLINE_LOAD_VECTORS_0 GATE__INLINE_LOAD(vector, VECTOR, 0)
#define GATE__INLINE_LOAD_VECTORS_2 GATE__INLINE_LOAD_VECTORS_1 GATE__INLINE_LOAD(vector, VECTOR, 1)
#define GATE__INLINE_LOAD_VECTORS_3 GATE__INLINE_LOAD_VECTORS_2 GATE__INLINE_LOAD(vector, VECTOR, 2)
#define GATE__INLINE_LOAD_VECTORS_4 GATE__INLINE_LOAD_VECTORS_3 GATE__INLINE_LOAD(vector, VECTOR, 3)
#define GATE__INLINE_LOAD_VECTORS_5 GATE__INLINE_LOAD_VECTORS_4 GATE__INLINE_LOAD(vector, VECTOR, 4)
#define GATE__INLINE_LOAD_VECTORS_6 GATE__INLINE_LOAD_VECTORS_5 GATE__INLINE_LOAD(vector, VECTOR, 5)
#define GATE__INLINE_LOAD_VECTORS_7 GATE__INLINE_LOAD_VECTORS_6 GATE__INLINE_LOAD(vector, VECTOR, 6)
#define GATE__INLINE_LOAD_VECTORS_8 GATE__INLINE_LOAD_VECTORS_7 GATE__INLINE_LOAD(vector, VECTOR, 7)

/* None is shared with direct, which is needed behind the call, though it be the same value. */
#define GATE__INLINE_WORDS_0
#define GATE__INLINE_WORDS_1 , "+&r"(gate_word0_in)
#define GATE__INLINE_WORDS_2 GATE__INLINE_WORDS_1, "+&r"(gate_word1_in)
#define GATE__INLINE_WORDS_3 GATE__INLINE_WORDS_2, "+&r"(gate_word2_in)
#define GATE__INLINE_WORDS_4 GATE__INLINE_WORDS_3, "+&r"(gate_word3_in)
#define GATE__INLINE_WORDS_5 GATE__INLINE_WORDS_4, "+&r"(gate_word4_in)
#define GATE__INLINE_WORDS_6 GATE__INLINE_WORDS_5, "+&r"(gate_word5_in)

#define GATE__INLINE_WORDS_LEFT_6
#define GATE__INLINE_WORDS_LEFT_5 GATE__INLINE_WORDS_LEFT_6, GATE__INLINE_WORD_5
#define GATE__INLINE_WORDS_LEFT_4 GATE__INLINE_WORDS_LEFT_5, GATE__INLINE_WORD_4
#define GATE__INLINE_WORDS_LEFT_3 GATE__INLINE_WORDS_LEFT_4, GATE__INLINE_WORD_3
#define GATE__INLINE_WORDS_LEFT_2 GATE__INLINE_WORDS_LEFT_3, GATE__INLINE_WORD_2
#define GATE__INLINE_WORDS_LEFT_1 GATE__INLINE_WORDS_LEFT_2, GATE__INLINE_WORD_1
#define GATE__INLINE_WORDS_LEFT_0 GATE__INLINE_WORDS_LEFT_1, GATE__INLINE_WORD_0

/* The first vector register is the result's as well. */
#define GATE__INLINE_FIRST_VECTOR_0
#define GATE__INLINE_FIRST_VECTOR_1 , "x"(gate_vector0_in)
#define GATE__INLINE_FIRST_VECTOR_2 , "x"(gate_vector0_in)
#define GATE__INLINE_FIRST_VECTOR_3 , "x"(gate_vector0_in)
#define GATE__INLINE_FIRST_VECTOR_4 , "x"(gate_vector0_in)
#define GATE__INLINE_FIRST_VECTOR_5 , "x"(gate_vector0_in)
#define GATE__INLINE_FIRST_VECTOR_6 , "x"(gate_vector0_in)
#define GATE__INLINE_FIRST_VECTOR_7 , "x"(gate_vector0_in)
#define GATE__INLINE_FIRST_VECTOR_8 , "x"(gate_vector0_in)

#define GATE__INLINE_VECTORS_0
#define GATE__INLINE_VECTORS_1
#define GATE__INLINE_VECTORS_2 GATE__INLINE_VECTORS_1, "+x"(gate_vector1_in)
#define GATE__INLINE_VECTORS_3 GATE__INLINE_VECTORS_2, "+x"(gate_vector2_in)
#define GATE__INLINE_VECTORS_4 GATE__INLINE_VECTORS_3, "+x"(gate_vector3_in)
#define GATE__INLINE_VECTORS_5 GATE__INLINE_VECTORS_4, "+x"(gate_vector4_in)
#define GATE__INLINE_VECTORS_6 GATE__INLINE_VECTORS_5, "+x"(gate_vector5_in)
#define GATE__INLINE_VECTORS_7 GATE__INLINE_VECTORS_6, "+x"(gate_vector6_in)
#define GATE__INLINE_VECTORS_8 GATE__INLINE_VECTORS_7, "+x"(gate_vector7_in)

#define GATE__INLINE_VECTORS_LEFT_8
#define GATE__INLINE_VECTORS_LEFT_7 GATE__INLINE_VECTORS_LEFT_8, GATE__INLINE_VECTOR_7
#define GATE__INLINE_VECTORS_LEFT_6 GATE__INLINE_VECTORS_LEFT_7, GATE__INLINE_VECTOR_6
#define GATE__INLINE_VECTORS_LEFT_5 GATE__INLINE_VECTORS_LEFT_6, GATE__INLINE_VECTOR_5
#define GATE__INLINE_VECTORS_LEFT_4 GATE__INLINE_VECTORS_LEFT_5, GATE__INLINE_VECTOR_4
#define GATE__INLINE_VECTORS_LEFT_3 GATE__INLINE_VECTORS_LEFT_4, GATE__INLINE_VECTOR_3
#define GATE__INLINE_VECTORS_LEFT_2 GATE__INLINE_VECTORS_LEFT_3, GATE__INLINE_VECTOR_2
#define GATE__INLINE_VECTORS_LEFT_1 GATE__INLINE_VECTORS_LEFT_2, GATE__INLINE_VECTOR_1
#define GATE__INLINE_VECTORS_LEFT_0 GATE__INLINE_VECTORS_LEFT_1

#ifdef __AVX512F__
#define GATE__INLINE_AVX512                                                                                   \
    , "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24", "xmm25", "xmm26", "xmm27", \
      "xmm28", "xmm29", "xmm30", "xmm31", "k0", "k1", "k2", "k3", "k4", "k5", "k6", "k7"
#else
#define GATE__INLINE_AVX512
#endif
#if defined __APX_F__ || defined __EGPR__ /* clang has the second for these registers alone */
#define GATE__INLINE_APX                                                                                      \
    , "r16", "r17", "r18", "r19", "r20", "r21", "r22", "r23", "r24", "r25", "r26", "r27", "r28", "r29", "r30", "r31"
#else
#define GATE__INLINE_APX
#endif
#define GATE__INLINE_CLOBBERS                                                                                    \
    "rbx", "r10", "r11", "r12", "r13", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "st",   \
    "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)", "st(7)", "cc", "memory" GATE__INLINE_AVX512 GATE__INLINE_APX

#define GATE__INLINE_CALL(class, direct_, words, vectors, word_type, vector_type)                                \
    gate_direct *gate_word_direct = (direct_);                                                                   \
    GATE__INLINE_LOAD_WORDS_##words GATE__INLINE_LOAD_VECTORS_##vectors                                          \
    register __typeof__(word_type) gate_word __asm__("rax") __attribute__((unused));                            \
    register __typeof__(vector_type) gate_vector __asm__("xmm0") __attribute__((unused));                       \
    __asm__ volatile("" : : "r"(__builtin_frame_address(0))); /* has the function keep a frame pointer */       \
    __asm__ volatile(GATE__INLINE_CODE_##class                                                                   \
                     : "=&r"(gate_word), "=x"(gate_vector) GATE__INLINE_WORDS_##words GATE__INLINE_VECTORS_##vectors  \
                     : [direct] "r"(gate_word_direct) GATE__INLINE_FIRST_VECTOR_##vectors                        \
                     : GATE__INLINE_CLOBBERS GATE__INLINE_WORDS_LEFT_##words GATE__INLINE_VECTORS_LEFT_##vectors)

/* clang-format on */

#endif
