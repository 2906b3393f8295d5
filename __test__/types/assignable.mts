// Checks of the parity tests: a `All<[…]>` compiles only if everything in it is `true`.

/** `true` if `From` can be assigned to `To`, else both of them, for the compiler to print. */
export type Assignable<From, To> = [From] extends [To] ? true : { from: From; notAssignableTo: To };

export type Both<A, B> = Assignable<A, B> extends true ? Assignable<B, A> : Assignable<A, B>;

export type All<Checks extends true[]> = Checks;

/** A class without its private members, which no other declaration can have. */
export type Public<T> = Pick<T, keyof T>;

export type Options<F extends (options: never) => unknown> = Parameters<F>[0];
