namespace Dumont.Server.Platform.Events;

/// <summary>What is to be told later: never a sentence, since nobody knows yet in which language it will be read. Made in the <c>*Events</c> class of a
/// feature only, where the tests find every type with its facts; <see cref="EventTexts"/> has the sentences.</summary>
/// <param name="Type">A dotted word such as <c>instance.created</c>.</param>
/// <param name="Facts">Numbers, names and words of the server's records under snake_case names; null members are left out.</param>
internal sealed record NewEvent(string Type, object? Facts = null);
