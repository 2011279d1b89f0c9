// Receives webhooks with stripe-sync-engine as its documentation says: its migrations, then processWebhook for each
// delivery, in fastify, as its published server does. It writes no logs, metrics or traces.
const fastify = require('fastify')
const { StripeSync, runMigrations } = require('@supabase/stripe-sync-engine')

const { DATABASE_URL, STRIPE_WEBHOOK_SECRET, PORT } = process.env

async function main() {
  await runMigrations({ databaseUrl: DATABASE_URL, schema: 'stripe' })
  const sync = new StripeSync({
    poolConfig: { connectionString: DATABASE_URL, max: 10, keepAlive: true },
    schema: 'stripe',
    stripeSecretKey: 'sk_test_not_used',
    stripeWebhookSecret: STRIPE_WEBHOOK_SECRET,
  })
  const app = fastify()
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => done(null, body))
  app.get('/readyz', async () => ({ status: 'ready' }))
  app.post('/webhook/stripe', async (request, reply) => {
    try {
      await sync.processWebhook(request.body, request.headers['stripe-signature'])
    } catch (error) {
      return reply.code(400).send(`Webhook Error: ${error.message}`)
    }
    return { received: true }
  })
  process.on('SIGTERM', () => process.exit(0))
  await app.listen({ port: Number(PORT), host: '127.0.0.1' })
}

main()
