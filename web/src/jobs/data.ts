/** What the page sends of a data choice. */

export function dataOf(own: boolean, text: string, limit: number): Record<string, unknown> {
  return own ? { text } : { name: "imdb", limit };
}

/** Short texts to begin with, written for this page. */
export const REVIEWS = `text,label
"A warm, funny film with a cast that clearly enjoys itself.",positive
"I looked at my watch five times in the first half hour.",negative
"The ending moved me more than I expected.",positive
"Nothing happens, and it happens very slowly.",negative
"Beautifully shot, and the music stays with you.",positive
"The jokes were old before the film was.",negative
"A small story told with patience and great care.",positive
"Loud, long, and without a single idea of its own.",negative
"She carries the whole film, and what a performance it is.",positive
"The plot falls apart the moment you think about it.",negative
"I would watch it again tomorrow.",positive
"Wooden acting and a script full of speeches nobody would make.",negative
"Clever, tender, and never too sweet.",positive
"A waste of good actors and of two hours of my evening.",negative
"It surprised me right up to the last scene.",positive
"The trailer showed everything that was worth seeing.",negative
"One of the few sequels that are better than the first film.",positive
"I have rarely been so bored by so many explosions.",negative
"Sharp dialogue, and characters that feel like people.",positive
"It cannot decide what it wants to be, and fails at all of it.",negative
"My children loved it, and so did I.",positive
"Dull from the first minute to the last.",negative
"A quiet masterpiece.",positive
"The worst film I have seen this year.",negative
`;

export const STORY = `The harbor lay still in the morning. The boats were tied to the long pier, and the nets hung over the rail to dry. An old man sat on a box and mended a net with a wooden needle. He had mended nets for fifty years, and his hands knew the work without him.
A girl came down the steps with a basket of bread. She sat down beside him and broke a loaf in two. They ate without a word, for the morning was cold and the bread was warm. The gulls stood on the wall and waited for the crumbs.
When the sun came over the hill, the water turned from grey to green. The old man put the needle down and looked at the sky. There will be wind in the evening, he said. The girl looked at the sky as well, and saw nothing but blue. How do you know, she said. The gulls know, he said, and I look at the gulls.
In the evening there was wind. The boats pulled at their ropes, and the waves broke over the pier. The girl stood at the window of the house on the hill and looked down at the harbor. The gulls were gone. In the morning they would be back, and the old man would be there, and the bread would be warm.
`;
