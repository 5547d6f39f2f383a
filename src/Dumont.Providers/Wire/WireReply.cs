using System.Text.Json;

namespace Dumont.Providers.Wire;

/// <summary>What became of one HTTP exchange.</summary>
internal abstract record WireReply
{
    private WireReply()
    {
    }

    /// <summary>A whole answer was read. <paramref name="Json"/> is null when the body is not JSON.</summary>
    public sealed record Answer(int Status, string Body, JsonElement? Json) : WireReply
    {
        public bool IsSuccess => Status is >= 200 and < 300;
    }

    /// <summary>No whole answer. What was asked may have happened all the same, but for <see cref="LossKind.NotSent"/>.</summary>
    public sealed record Lost(LossKind Kind, string Reason, Exception? Cause) : WireReply;
}

/// <summary>Why there was no answer.</summary>
internal enum LossKind
{
    /// <summary>Refused connection, unknown name or failed TLS: the request never left.</summary>
    NotSent,

    /// <summary>Time ran out, before the answer or in the middle of it.</summary>
    Timeout,

    /// <summary>The connection broke, before the answer or in the middle of it.</summary>
    Broken,

    /// <summary>The answer was larger than <see cref="WireClient.BodyBytesMax"/>.</summary>
    TooLarge,

    /// <summary>The answer came from another address than the one asked.</summary>
    Redirected,
}
