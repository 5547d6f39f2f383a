using System.Data.Common;
using System.Security.Cryptography;
using System.Text;
using Dapper;
using Dumont.Contracts;
using Dumont.Server.Platform.Security;
using Dumont.Server.Platform.Store;
using Microsoft.AspNetCore.Http.Extensions;

namespace Dumont.Server.Platform.Web;

/// <summary>Marks an endpoint whose repetition with the same <c>Idempotency-Key</c> is answered as the first time, without being done again.</summary>
internal sealed class IdempotentMetadata
{
    public static readonly IdempotentMetadata Instance = new();
}

/// <summary>The answer kept for a key.</summary>
internal sealed record IdempotentAnswer(int Status, string? ContentType, string? Location, string Body);

/// <summary>The key of the request in hand. An endpoint that must never act twice, not even when the server dies before it answers, calls
/// <see cref="RecordAsync"/> in the transaction that makes the act true.</summary>
internal sealed class IdempotentRequest(UserId userId, string key)
{
    /// <summary>Whose key.</summary>
    public UserId UserId { get; } = userId;

    /// <summary>As the client sent it.</summary>
    public string Key { get; } = key;

    /// <summary>The key of <paramref name="context"/>'s request, or null when it bears none.</summary>
    public static IdempotentRequest? Of(HttpContext context) => context.Features.Get<IdempotentRequest>();

    /// <summary>Keeps the answer within the caller's transaction.</summary>
    public Task RecordAsync(DbTransaction transaction, IdempotentAnswer answer) =>
        transaction.Connection!.ExecuteAsync(
            "UPDATE idempotency_keys SET status = @status, response = @response WHERE user_id = @user AND key = @key",
            new { status = (long)answer.Status, response = Columns.Document(answer), user = UserId.Value, key = Key },
            transaction);
}

/// <summary>What a key stands at.</summary>
internal abstract record IdempotencyState
{
    private IdempotencyState()
    {
    }

    /// <summary>New: the caller does the work.</summary>
    public sealed record Begun : IdempotencyState;

    /// <summary>Somebody else does the work now.</summary>
    public sealed record InProgress : IdempotencyState;

    /// <summary>The key was used for another request.</summary>
    public sealed record Mismatch : IdempotencyState;

    /// <summary>Done before.</summary>
    public sealed record Done(IdempotentAnswer Answer) : IdempotencyState;
}

/// <summary>The table of keys.</summary>
internal sealed class IdempotencyStore(Database database, TimeProvider time)
{
    /// <summary>How long an answer is kept.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromHours(24);

    // A request that has not ended after this was cut by the death of its server.
    private static readonly TimeSpan AbandonedAfter = TimeSpan.FromMinutes(5);

    /// <summary>Takes the key, or says what became of it.</summary>
    public Task<IdempotencyState> BeginAsync(IdempotentRequest request, string requestHash, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        return database.WriteAsync(
            async transaction =>
            {
                var connection = transaction.Connection!;
                var parameters = new
                {
                    user = request.UserId.Value,
                    key = request.Key,
                    requestHash,
                    now = Columns.Of(now),
                    expired = Columns.Of(now - Lifetime),
                    abandoned = Columns.Of(now - AbandonedAfter),
                };
                await connection.ExecuteAsync(
                    """
                    DELETE FROM idempotency_keys WHERE user_id = @user AND key = @key
                        AND (created_at <= @expired OR (status IS NULL AND created_at <= @abandoned))
                    """,
                    parameters,
                    transaction);
                var inserted = await connection.ExecuteAsync(
                    """
                    INSERT INTO idempotency_keys (user_id, key, request_hash, status, response, created_at)
                    VALUES (@user, @key, @requestHash, NULL, NULL, @now) ON CONFLICT (user_id, key) DO NOTHING
                    """,
                    parameters,
                    transaction);
                if (inserted == 1)
                {
                    return new IdempotencyState.Begun();
                }

                var (hash, status, response) = await connection.QuerySingleAsync<(string Hash, long? Status, string? Response)>(
                    "SELECT request_hash, status, response FROM idempotency_keys WHERE user_id = @user AND key = @key", parameters, transaction);
                return (hash == requestHash, status) switch
                {
                    (false, _) => new IdempotencyState.Mismatch(),
                    (true, null) => (IdempotencyState)new IdempotencyState.InProgress(),
                    (true, _) => new IdempotencyState.Done(Columns.FromDocument<IdempotentAnswer>(response!)),
                };
            },
            cancellationToken);
    }

    /// <summary>Keeps the answer.</summary>
    public Task CompleteAsync(IdempotentRequest request, IdempotentAnswer answer, CancellationToken cancellationToken) =>
        database.WriteAsync(transaction => request.RecordAsync(transaction, answer), cancellationToken);

    /// <summary>Gives the key back: nothing was done. An answer that was recorded meanwhile stays.</summary>
    public Task ReleaseAsync(IdempotentRequest request, CancellationToken cancellationToken) =>
        database.WriteAsync(
            transaction => transaction.Connection!.ExecuteAsync(
                "DELETE FROM idempotency_keys WHERE user_id = @user AND key = @key AND status IS NULL",
                new { user = request.UserId.Value, key = request.Key },
                transaction),
            cancellationToken);

    /// <summary>Removes what is older than <see cref="Lifetime"/>.</summary>
    public Task PruneAsync(CancellationToken cancellationToken) =>
        database.WriteAsync(
            transaction => transaction.Connection!.ExecuteAsync(
                "DELETE FROM idempotency_keys WHERE created_at <= @expired", new { expired = Columns.Of(time.GetUtcNow() - Lifetime) }, transaction),
            cancellationToken);
}

/// <summary>Runs requests to marked endpoints that bear an <c>Idempotency-Key</c> at most once. An answer of 5xx, 409 or 429 is not kept.</summary>
internal sealed class IdempotencyMiddleware(RequestDelegate next, IdempotencyStore store)
{
    private const string Header = "Idempotency-Key";
    private const int KeyLengthMax = 255;

    /// <summary>Runs the rest of the pipeline, or answers as before.</summary>
    public async Task InvokeAsync(HttpContext context)
    {
        if (context.GetEndpoint()?.Metadata.GetMetadata<IdempotentMetadata>() is null
            || context.Request.Headers[Header] is not [{ } key]
            || Caller.Of(context.User) is not { } caller)
        {
            await next(context);
            return;
        }

        if (key.Length is 0 or > KeyLengthMax || key.Any(letter => letter is < '!' or > '~'))
        {
            await Problems.Field(Header, $"1 to {KeyLengthMax} visible ASCII characters.", "header").ExecuteAsync(context);
            return;
        }

        var request = new IdempotentRequest(caller.UserId, key);
        switch (await store.BeginAsync(request, await HashAsync(context), context.RequestAborted))
        {
            case IdempotencyState.Mismatch:
                await new Problem(Problems.IdempotencyMismatch, "This Idempotency-Key was used for a different request.").ExecuteAsync(context);
                break;
            case IdempotencyState.InProgress:
                await new Problem(
                    Problems.Conflict, "A request with this Idempotency-Key is still running.", retryAfter: TimeSpan.FromSeconds(1)).ExecuteAsync(context);
                break;
            case IdempotencyState.Done(var answer):
                context.Response.Headers["Idempotent-Replayed"] = "true";
                await WriteAsync(context, answer);
                break;
            case IdempotencyState.Begun:
                context.Features.Set(request);
                await RunAsync(context, request);
                break;
        }
    }

    private async Task RunAsync(HttpContext context, IdempotentRequest request)
    {
        var original = context.Response.Body;
        using var buffer = new MemoryStream();
        context.Response.Body = buffer;
        var finished = false;
        try
        {
            await next(context);
            finished = true;
        }
        finally
        {
            context.Response.Body = original;
            if (!finished)
            {
                await store.ReleaseAsync(request, CancellationToken.None);
            }
        }

        var response = context.Response;
        var answer = new IdempotentAnswer(
            response.StatusCode, response.ContentType, response.Headers.Location, Encoding.UTF8.GetString(buffer.GetBuffer(), 0, (int)buffer.Length));
        if (answer.Status is >= 500 or StatusCodes.Status409Conflict or StatusCodes.Status429TooManyRequests)
        {
            await store.ReleaseAsync(request, CancellationToken.None);
        }
        else
        {
            await store.CompleteAsync(request, answer, CancellationToken.None);
        }

        buffer.Position = 0;
        await buffer.CopyToAsync(original, context.RequestAborted);
    }

    private static async Task WriteAsync(HttpContext context, IdempotentAnswer answer)
    {
        context.Response.StatusCode = answer.Status;
        context.Response.ContentType = answer.ContentType;
        context.Response.Headers.Location = answer.Location;
        if (answer.Body.Length > 0)
        {
            await context.Response.WriteAsync(answer.Body, context.RequestAborted);
        }
    }

    private static async Task<string> HashAsync(HttpContext context)
    {
        // The whole body fits: the pipeline takes 1 MiB at most.
        context.Request.EnableBuffering(bufferThreshold: 1 << 20);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes($"{context.Request.Method} {context.Request.GetEncodedPathAndQuery().TrimEnd('/')}\n"));
        var chunk = new byte[16 * 1024];
        int read;
        while ((read = await context.Request.Body.ReadAsync(chunk, context.RequestAborted)) > 0)
        {
            hash.AppendData(chunk, 0, read);
        }

        context.Request.Body.Position = 0;
        return Convert.ToHexString(hash.GetHashAndReset());
    }
}

/// <summary>How an endpoint asks for it.</summary>
internal static class IdempotencyConventions
{
    /// <summary>Honours <c>Idempotency-Key</c> on this endpoint.</summary>
    public static TBuilder WithIdempotency<TBuilder>(this TBuilder builder)
        where TBuilder : IEndpointConventionBuilder =>
        builder.WithMetadata(IdempotentMetadata.Instance);
}
