using Dumont.LocalCloud.Faults;

namespace Dumont.LocalCloud.S3;

/// <summary>Lets faults strike calls to S3. Bodies of objects are spoiled where they are sent, for they are not held in memory.</summary>
internal sealed class S3Faults(FaultBook faults, TimeProvider time)
{
    private const string Provider = "s3";

    public async Task RunAsync(S3Request request, string operation, Func<Task> call)
    {
        string?[] targets = [request.Key, request.Bucket];
        if (faults.Strike(kind => kind.Stage == FaultStage.Before, Provider, operation, targets) is { } before)
        {
            await AnswerInsteadAsync(request, before);
            return;
        }

        request.Fault = faults.Strike(kind => kind.Stage is FaultStage.After or FaultStage.Within, Provider, operation, targets);
        if (request.Fault is not { Kind.Stage: FaultStage.After } after)
        {
            await call();
            return;
        }

        if (operation == CloudOperation.ObjectGet)
        {
            await SpoilGetAsync(request, after, call);
            return;
        }

        await SpoilAsync(request, after, call);
    }

    private async Task AnswerInsteadAsync(S3Request request, Fault fault)
    {
        if (fault.Kind.Name == FaultKind.NoAnswer)
        {
            await Task.Delay(TimeSpan.FromSeconds(fault.DelaySeconds), time, request.Aborted);
        }

        if (fault.Kind.Name is FaultKind.Refused or FaultKind.NoAnswer)
        {
            request.Http.Abort();
            return;
        }

        throw new S3Exception(ErrorOf(fault, request));
    }

    private async Task SpoilGetAsync(S3Request request, Fault fault, Func<Task> call)
    {
        switch (fault.Kind.Name)
        {
            case FaultKind.AnswerLost:
                request.Http.Abort();
                return;
            case FaultKind.ErrorAfter:
                throw new S3Exception(ErrorOf(fault, request));
            case FaultKind.Slow:
                await Task.Delay(TimeSpan.FromSeconds(fault.DelaySeconds), time, request.Aborted);
                break;
            default:
                break;
        }

        await call();
    }

    // The call runs to its end; what it answers, which is short, is held back.
    private async Task SpoilAsync(S3Request request, Fault fault, Func<Task> call)
    {
        var response = request.Http.Response;
        var wire = response.Body;
        using var held = new MemoryStream();
        response.Body = held;
        try
        {
            await call();
        }
        finally
        {
            response.Body = wire;
        }

        var body = held.ToArray();
        switch (fault.Kind.Name)
        {
            case FaultKind.AnswerLost:
                request.Http.Abort();
                return;
            case FaultKind.ErrorAfter:
                throw new S3Exception(ErrorOf(fault, request));
            case FaultKind.Slow:
                await Task.Delay(TimeSpan.FromSeconds(fault.DelaySeconds), time, request.Aborted);
                await wire.WriteAsync(body, request.Aborted);
                break;
            case FaultKind.TruncatedBody:
                response.ContentLength = body.Length / 2;
                await wire.WriteAsync(body.AsMemory(0, body.Length / 2), request.Aborted);
                break;
            case FaultKind.ResetMidBody:
                await wire.WriteAsync(body.AsMemory(0, body.Length / 2), request.Aborted);
                await wire.FlushAsync(request.Aborted);
                request.Http.Abort();
                break;
            default:
                await wire.WriteAsync(body, request.Aborted);
                break;
        }
    }

    private static S3Error ErrorOf(Fault fault, S3Request request)
    {
        switch (fault.Kind.Name)
        {
            case FaultKind.TooManyRequests:
                request.Http.Response.Headers.RetryAfter = "1";
                return new S3Error(429, "TooManyRequests", "Please reduce your request rate.");
            case FaultKind.KeyRevoked:
                return new S3Error(403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.");
            case FaultKind.ScopeLost:
                return S3Error.AccessDenied;
            default:
                return (int)fault.Numbers["status"] switch
                {
                    503 => new S3Error(503, "SlowDown", "Please reduce your request rate."),
                    502 => new S3Error(502, "BadGateway", "Bad Gateway"),
                    504 => new S3Error(504, "GatewayTimeout", "Gateway Timeout"),
                    _ => new S3Error(500, "InternalError", "We encountered an internal error. Please try again."),
                };
        }
    }
}
